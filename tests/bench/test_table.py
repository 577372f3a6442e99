from tests.bench import table


def row(ours, opponent, target=2.0):
    return table.Row("import", ours, opponent, target, "s", "of 100 rows")


def test_a_ratio_is_ours_by_the_opponents():
    assert row(3.0, 2.0).ratio == 1.5
    assert row(3.0, 2.0).is_met
    assert not row(5.0, 2.0).is_met


def test_a_row_without_an_opponent_is_judged_by_our_own_figure():
    assert row(200, None, 250).ratio is None
    assert row(200, None, 250).is_met
    assert not row(300, None, 250).is_met


def test_it_compares_medians():
    made = table.compare("import", [9, 2, 3], [1, 1, 50], target=3, unit="s")

    assert (made.ours, made.opponent, made.ratio) == (3, 1, 3)


def test_what_is_written_is_read(tmp_path):
    rows = [row(3.0, 2.0), row(200.0, None, 250)]

    table.write(rows, tmp_path / "bench.json")

    assert table.read(tmp_path / "bench.json") == rows


def test_the_table_says_what_was_missed():
    text = table.as_text([row(5.0, 2.0), row(0.05, 2.0)])
    markdown = table.as_markdown([row(5.0, 2.0)])

    assert "missed" in text.splitlines()[1]
    assert "missed" not in text.splitlines()[2]
    assert markdown.splitlines()[-1] == (
        "| `import` | 5.00 | 2.00 | s | 2.50 | ≤ 2 | missed; of 100 rows |"
    )
