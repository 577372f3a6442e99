from django.db import migrations

from partners.schema import definer_function

COLUMNS = "(sort_key, user_name, added_at) ON users_customeruser"

# A page of those whom a search finds, in the order of the list, and how many they are, counted no
# further than count_to. Like app.search_users it passes row-level security, filters by the tenant
# itself, and raises without one. list_size is about how many users the list has.
#
# What costs is to read a user, since each lies on a page of the disk of its own. However many are
# found, and wherever in the list they stand, few more than count_to are read:
#
# - The trigrams give the first of those who are found. Where that is all of them, they are sorted.
#   Else those among them who come first say how far down the list the page can reach.
# - Trigrams that nearly everybody has are slow by themselves. A glance at some users shows it, and
#   a walk finds count_to of them soon.
# - Where a good part of the list is found, a short walk along it fills the page.
# - Where they stand together far down, as one name does in a list by name, the walk finds nobody.
#   The trigrams and the index of the list, as far as the page can reach, then agree on the few who
#   have to be read. Two indexes are combined only if they share no condition, so the customer is
#   one condition to the list and another one, joined to it, to the trigrams. (The first that the
#   trigrams give are the oldest. Down a list in which thousands have the same name, the later ones
#   of them are therefore read as well.)
SEARCH = """
DECLARE
    most_sorted integer := 5 * count_to / 4;
    glance integer := 10 * at_most;
    short_walk integer := 40 * at_most;
    long_walk integer := 5 * count_to / 2;
    people text := format(
        '(SELECT %I AS key, id, customer_id, search, %I AS age FROM users_customeruser'
        ' WHERE partner_id = %L AND deleted_at IS %s NULL) AS people',
        sort, CASE WHEN in_deleted THEN 'deleted_at' ELSE 'added_at' END,
        app.current_partner(), CASE WHEN in_deleted THEN 'NOT' ELSE '' END);
    theirs text := format('%s WHERE customer_id = %L', people, customer);
    direction text := CASE WHEN is_down THEN 'key DESC, id DESC' ELSE 'key, id' END;
    place text := CASE WHEN place_id IS NULL THEN 'true' ELSE format('(key, id) %s (%L, %L)',
        CASE WHEN is_down THEN '<' ELSE '>' END, place_key, place_id) END;
    take_page text := ', page AS MATERIALIZED (SELECT * FROM found WHERE ' || place
        || format(' ORDER BY %s LIMIT %s)', direction, at_most)
        || 'SELECT (SELECT count(*) FROM found), ARRAY(SELECT id FROM page),'
        || ' ARRAY(SELECT key::text FROM page)';
    matching text := 'true';
    pattern text;
    keys text[];
    walked integer;
    is_common boolean := false;
BEGIN
    FOREACH pattern IN ARRAY patterns LOOP
        matching := matching || format(' AND search LIKE %L', pattern);
    END LOOP;

    IF list_size > long_walk THEN
        EXECUTE format(
            'SELECT 5 * count(*) > 2 * %s FROM (SELECT search FROM %s ORDER BY age, id LIMIT %s)'
            ' AS seen WHERE %s', glance, theirs, glance, matching) INTO is_common;
    END IF;
    counted := 0;
    IF is_common THEN
        EXECUTE format(
            'WITH found AS MATERIALIZED (SELECT key, id FROM'
            ' (SELECT * FROM %s ORDER BY age, id LIMIT %s) AS seen WHERE %s LIMIT %s)',
            theirs, long_walk, matching, count_to) || take_page INTO counted, ids, keys;
    END IF;
    IF counted < count_to THEN
        PERFORM set_config('enable_indexscan', 'off', true);
        EXECUTE format(
            'WITH found AS MATERIALIZED (SELECT key, id FROM %s AND %s LIMIT %s)',
            theirs, matching, most_sorted) || take_page INTO counted, ids, keys;
        PERFORM set_config('enable_indexscan', 'on', true);
        IF counted < most_sorted THEN
            counted := least(counted, count_to);
            RETURN;
        END IF;
    END IF;
    counted := count_to;

    IF cardinality(ids) = at_most THEN
        place := place || format(' AND (key, id) %s (%L, %L)',
            CASE WHEN is_down THEN '>=' ELSE '<=' END, keys[at_most], ids[at_most]);
    END IF;
    EXECUTE format(
        'WITH seen AS MATERIALIZED (SELECT * FROM %s AND %s ORDER BY %s LIMIT %s)'
        ' SELECT ARRAY(SELECT id FROM seen WHERE %s ORDER BY %s LIMIT %s), count(*) FROM seen',
        theirs, place, direction, short_walk, matching, direction, at_most) INTO ids, walked;
    IF cardinality(ids) < at_most AND walked = short_walk THEN
        PERFORM set_config('enable_indexscan', 'off', true);
        EXECUTE format(
            'SELECT ARRAY(SELECT id FROM %s JOIN (SELECT %L::uuid AS its OFFSET 0) AS customer'
            ' ON customer_id = its WHERE customer_id = ANY (ARRAY[%L::uuid]) AND %s AND %s'
            ' ORDER BY %s LIMIT %s)',
            people, customer, customer, place, matching, direction, at_most) INTO ids;
    END IF;
END
"""

SIGNATURE = (
    "app.search_page(uuid, boolean, text[], integer, text, boolean, text, uuid, integer, integer)"
)


class Migration(migrations.Migration):
    dependencies = [("users", "0018_count_once")]

    operations = [
        migrations.RunSQL(
            f"GRANT SELECT {COLUMNS} TO portal_search",
            f"REVOKE SELECT {COLUMNS} FROM portal_search",
        ),
        definer_function(
            "app.search_page(customer uuid, in_deleted boolean, patterns text[], list_size integer,"
            " sort text, is_down boolean, place_key text, place_id uuid,"
            " at_most integer, count_to integer, OUT ids uuid[], OUT counted integer)"
            " LANGUAGE plpgsql STABLE"
            # Reading rows is what costs, above all those of others that lie before one's own.
            " SET cpu_tuple_cost = 1000 SET enable_seqscan = off"
            " SET enable_indexscan = on SET max_parallel_workers_per_gather = 0",
            SIGNATURE,
            SEARCH,
        ),
    ]
