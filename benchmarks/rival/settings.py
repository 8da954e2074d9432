"""The service's settings, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    database_url: str
    broker_url: str
    webhook_secret: str

    @classmethod
    def load(cls) -> Settings:
        return cls(
            database_url=os.environ["RIVAL_DATABASE_URL"],
            broker_url=os.environ["RIVAL_BROKER_URL"],
            webhook_secret=os.environ["RIVAL_WEBHOOK_SECRET"],
        )

    def database(self, driver: str) -> str:
        """The database's URL for one of SQLAlchemy's drivers."""
        return self.database_url.replace("postgresql://", f"postgresql+{driver}://", 1)


settings = Settings.load()
