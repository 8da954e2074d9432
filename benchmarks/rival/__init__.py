"""What a good team writes by hand: FastAPI, SQLAlchemy's ORM, PostgreSQL, and a Celery task for each webhook."""
