"""Whose is it, asked before any tenant is known; the answers name nobody."""

from datetime import datetime
from uuid import UUID

from django.db import connection


def _ask(sql: str, parameters: list) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def find_partners_with_work() -> list[UUID]:
    """Partners with chunks that no worker was told of for a minute, or with mail waiting."""
    return [row[0] for row in _ask("SELECT app.find_partners_with_work()", [])]


def get_oldest_pending() -> datetime | None:
    """When the oldest job began that has work left for a worker; None where none has."""
    return _ask("SELECT app.get_oldest_pending()", [])[0][0]


def find_partners_with_free_seats() -> list[UUID]:
    """Partners with somebody in line for a seat that is free, or for what others there give back."""
    return [row[0] for row in _ask("SELECT app.find_partners_with_free_seats()", [])]


def find_partners_to_wipe() -> list[UUID]:
    """Partners with secrets or uploaded files past their time."""
    return [row[0] for row in _ask("SELECT app.find_partners_to_wipe()", [])]


def find_partners_to_remind() -> list[UUID]:
    """Partners with passwords that can be handed over for another day at most."""
    return [row[0] for row in _ask("SELECT app.find_partners_to_remind()", [])]


def find_partners_to_purge() -> list[UUID]:
    """Partners with deleted users whose day of the purge has come."""
    return [row[0] for row in _ask("SELECT app.find_partners_to_purge()", [])]
