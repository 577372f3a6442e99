import uuid

import pytest
from django.db import DataError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.postgres import SEPARATOR

TEXTS = st.text(
    st.one_of(
        st.sampled_from(f"\"\\{{}}, '\t\n{SEPARATOR}"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    )
)


def come_back(values, kind):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [values])
        return cursor.fetchone()[0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(TEXTS, st.none())))
def test_texts_come_back_as_they_were_sent(inside, texts):
    assert come_back(texts, "text") == texts


@pytest.mark.parametrize("text", ["NULL", "null", "", "{}", '"', "\\", SEPARATOR, "a,b", "中文"])
def test_no_text_means_anything_else(inside, text):
    assert come_back([text], "text") == [text]
    assert come_back([text, "b"], "text") == [text, "b"]


def test_ids_come_back(inside):
    ids = [uuid.uuid4() for _number in range(3)]

    assert come_back(ids, "uuid") == ids
    assert come_back([*ids, None], "uuid") == [*ids, None]
    assert come_back([], "uuid") == []


def test_numbers_and_bytes_are_left_to_psycopg(inside):
    assert come_back([1, 2**40, None], "bigint") == [1, 2**40, None]
    assert come_back([b'"\\\0', None], "bytea") == [b'"\\\0', None]


def test_a_nul_is_refused(inside):
    with pytest.raises((DataError, ValueError)):
        come_back(["a\0b"], "text")
