import pytest
from celery import current_app


def test_it_is_well_where_database_and_broker_answer(client, db):
    answer = client.get("/health/")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.fixture
def no_broker():
    """A broker that nobody listens at."""
    was = current_app.conf.broker_url, current_app.conf.broker_write_url
    current_app.conf.broker_url = current_app.conf.broker_write_url = "redis://127.0.0.1:1/0"
    yield
    current_app.conf.broker_url, current_app.conf.broker_write_url = was


def test_it_is_not_without_a_broker_and_does_not_say_why(client, db, no_broker):
    answer = client.get("/health/")

    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
