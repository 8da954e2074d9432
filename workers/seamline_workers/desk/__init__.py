"""The desk: what people do to the work, from the API, the command line and buttons alike.

Every order runs in its caller's transaction and raises one of ``refusal`` where it cannot be carried out.
"""
