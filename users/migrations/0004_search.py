"""
The functions that search users.

They pass row security: LIKE is not leakproof, so under a policy it could not use the trigram index.
Each filters by the tenant itself, and raises without one.
"""

from django.db import migrations

from partners.schema import SEARCH_PATH, definer_function

# Ids of one customer's users.
SEARCH_USERS = """
DECLARE
    partner uuid := app.current_partner();
    conditions text := '';
    pattern text;
BEGIN
    FOREACH pattern IN ARRAY patterns LOOP
        conditions := conditions || format(' AND search LIKE %L', pattern);
    END LOOP;
    RETURN QUERY EXECUTE format(
        'SELECT id FROM users_customeruser WHERE partner_id = %L AND customer_id = %L'
        ' AND deleted_at IS %s NULL %s LIMIT %s',
        partner, customer, CASE WHEN in_deleted THEN 'NOT' ELSE '' END, conditions,
        least(at_most, 20001));
END
"""

# Ids of users of several customers: of the given ones, or of all where they are NULL. The trigrams
# alone choose the rows, so callers search for three letters or more.
SEARCH_PEOPLE = """
DECLARE
    partner uuid := app.current_partner();
    conditions text := '';
    pattern text;
BEGIN
    IF customers IS NOT NULL THEN
        conditions := format(' AND customer_id = ANY (%L::uuid[])', customers);
    END IF;
    FOREACH pattern IN ARRAY patterns LOOP
        conditions := conditions || format(' AND search LIKE %L', pattern);
    END LOOP;
    RETURN QUERY EXECUTE format(
        'SELECT id FROM users_customeruser WHERE partner_id = %L AND deleted_at IS NULL %s LIMIT %s',
        partner, conditions, least(at_most, 100));
END
"""

# A page of the users that a search finds, in the order of the list, and how many there are, counted
# up to count_to. list_size is about how many users the list has.
#
# What costs is to read a user, since each lies on a page of the disk of its own. However many are
# found, and wherever in the list they stand, few more than count_to are read:
#
# - The trigrams give the first of the users found. Where that is all of them, they are sorted.
#   Otherwise those of them that come first show how far down the list the page can reach.
# - Trigrams that nearly all users have are slow by themselves. A glance at some users shows it, and
#   a walk finds count_to of them soon.
# - Where a good part of the list is found, a short walk along it fills the page.
# - Where they stand together far down, as one name does in a list by name, the walk finds none.
#   The trigrams and the index of the list, as far as the page can reach, then agree on the few that
#   have to be read. Two indexes are combined only if they share no condition, so the customer is
#   one condition to the list and another one, joined to it, to the trigrams. (The first that the
#   trigrams give are the oldest. Down a list in which thousands have the same name, the later ones
#   of them are therefore read as well.)
SEARCH_PAGE = """
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

# The filters of a list as conditions on a user u, in the names of users.queries.filters: those on
# the row, those on seats, and whether the former have an index. An unknown name raises: it must
# never mean all users. No condition joins, as planners do with EXISTS: seats are looked up only for
# users that match all the rest.
LIST_CONDITIONS = f"""
CREATE FUNCTION app.list_conditions(
    wanted jsonb, OUT of_row text, OUT of_seats text, OUT is_indexed boolean
) LANGUAGE plpgsql IMMUTABLE {SEARCH_PATH} AS $body$
DECLARE
    name text;
    value text;
    held text := 'EXISTS (SELECT FROM licensing_assignment s WHERE s.user_id = u.id OFFSET 0)';
    one text := 'EXISTS (SELECT FROM %s s WHERE s.user_id = u.id AND s.subscription_id = %L::uuid'
        ' OFFSET 0)';
    condition text;
BEGIN
    of_row := 'true';
    of_seats := 'true';
    is_indexed := false;
    FOR name, value IN SELECT * FROM jsonb_each_text(wanted) LOOP
        condition := CASE name
            WHEN 'license' THEN CASE value WHEN 'some' THEN held WHEN 'none' THEN 'NOT ' || held
                ELSE format(one, 'licensing_assignment', value) END
            WHEN 'lacks' THEN 'NOT ' || format(one, 'licensing_assignment', value)
            WHEN 'waits' THEN format(one, 'licensing_waitingseat', value)
            END;
        IF condition IS NOT NULL THEN
            of_seats := of_seats || ' AND ' || condition;
            CONTINUE;
        END IF;
        condition := CASE name || ' ' || value
            WHEN 'status blocked' THEN 'u.is_blocked'
            WHEN 'status allowed' THEN 'NOT u.is_blocked'
            WHEN 'permissions administrators' THEN 'u.is_administrator'
            WHEN 'password temporary' THEN 'u.password_state = ''temporary'''
            WHEN 'location missing' THEN 'u.location = '''''
            WHEN 'purge held' THEN 'u.is_held'
            END;
        IF name IN ('added_from', 'added_before', 'deleted_from', 'deleted_before') THEN
            condition := format('u.%s %s %L::timestamptz', split_part(name, '_', 1) || '_at',
                CASE split_part(name, '_', 2) WHEN 'from' THEN '>=' ELSE '<' END, value);
        ELSIF condition IS NULL THEN
            RAISE EXCEPTION 'no such filter: %', name USING ERRCODE = '22023';
        END IF;
        of_row := of_row || ' AND ' || condition;
        is_indexed := is_indexed OR name NOT IN ('status', 'purge') OR value = 'blocked';
    END LOOP;
END
$body$;
REVOKE ALL ON FUNCTION app.list_conditions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.list_conditions TO portal_search;
"""

# What app.search_page does, for a list with other filters: `wanted`, as app.list_conditions reads
# it. Where is_exact is not true, there are at least as many as are counted.
#
# What costs is to read a user. Hence, in this order:
#
# - Where few users hold a seat, or wait for one, they are found by their keys, which have an index.
# - A glance at some users shows how many match the search, the filters, and both.
# - The trigrams and the index of a filter agree on the users that have to be read, and most_read of
#   them are. Where that is all of them, the answer is exact. Trigrams that nearly all users have
#   are slow by themselves and left out; where no filter has an index either, the oldest users are
#   read instead. Where hardly any of those that are read has the seats, the others are read, too.
# - Where the glance saw enough, a short walk along the list fills the page.
# - Otherwise the index of the list agrees with the others: as far down as the page should reach, by
#   what was read before; then as far as it surely reaches; then to the end.
SEARCH_FILTERED = r"""
DECLARE
    partner uuid := app.current_partner();
    most_read integer := 5 * count_to / 4;
    most_keys integer := 3 * count_to;
    glance integer := 10 * at_most;
    short_walk integer := 40 * at_most;
    gone text := CASE WHEN in_deleted THEN 'NOT' ELSE '' END;
    age text := CASE WHEN in_deleted THEN 'deleted_at' ELSE 'added_at' END;
    key_type text := CASE WHEN sort IN ('sort_key', 'user_name')
        THEN 'text COLLATE "C"' ELSE 'timestamptz' END;
    direction text := CASE WHEN is_down THEN 'key DESC, u.id DESC' ELSE 'key, u.id' END;
    theirs text := format(' WHERE u.partner_id = %L AND u.deleted_at IS %s NULL', partner, gone);
    -- Two indexes are combined only if they share no condition, so the customer is one condition
    -- to the lists and another one, joined to it, to the trigrams.
    one_index text := format('%s AND u.customer_id = %L', theirs, customer);
    indexes text := format(' JOIN (SELECT %1$L::uuid AS its OFFSET 0) AS customer'
        ' ON u.customer_id = its %2$s AND u.customer_id = ANY (ARRAY[%1$L::uuid])',
        customer, theirs);
    walk text := format('(SELECT id, %1$I AS key, search, is_blocked, is_administrator, is_held,'
        ' location, password_state, added_at, deleted_at FROM users_customeruser'
        ' WHERE partner_id = %2$L AND customer_id = %3$L AND deleted_at IS %4$s NULL AND %%s'
        ' ORDER BY %%s LIMIT %%s) AS u', sort, partner, customer, gone);
    take text;
    sift text;
    beyond text := CASE WHEN place_id IS NULL THEN '' ELSE format(', id) %s (%L, %L)',
        CASE WHEN is_down THEN '<' ELSE '>' END, place_key, place_id) END;
    place text := CASE WHEN place_id IS NULL THEN 'true' ELSE '(' || quote_ident(sort) || beyond END;
    kept_place text := CASE WHEN place_id IS NULL THEN 'true' ELSE '(key' || beyond END;
    bound text;
    matching text := 'true';
    loosely text := 'true';
    roughly text := 'true';
    rows_wanted text;
    seats_wanted text;
    is_indexed boolean;
    holds uuid := CASE WHEN wanted ->> 'license' NOT IN ('some', 'none')
        THEN wanted ->> 'license' END;
    pattern text;
    users uuid[];
    saw_matching integer := 0;
    saw_wanted integer := 0;
    saw_both integer := 0;
    saw_found integer := 0;
    saw_seats integer;
    about bigint;
    is_common boolean;
    is_walked boolean;
    is_keyed boolean := false;
    some_ids uuid[] := '{}';
    some_keys text[] := '{}';
    one_id uuid;
    one_key text;
    read integer := 0;
    first_keys text[];
    first_ids uuid[];
    walked integer;
    found integer;
    rank integer;
BEGIN
    FOREACH pattern IN ARRAY patterns LOOP
        matching := matching || format(' AND u.search LIKE %L', pattern);
        -- Hidden from the trigrams.
        loosely := loosely || format(' AND u.search || '''' LIKE %L', pattern);
        -- For trigrams each part of a domain begins a word, too.
        roughly := roughly || CASE WHEN pattern ~ '^% [[:alnum:]]{1,2}%$'
            THEN format(' AND u.search ~ %L', '\m' || btrim(pattern, '% '))
            ELSE format(' AND u.search || '''' LIKE %L', pattern) END;
    END LOOP;
    SELECT * INTO rows_wanted, seats_wanted, is_indexed FROM app.list_conditions(wanted);

    -- Seats of other partners are harmless: their holders are looked up in the tenant's own list.
    IF wanted ? 'waits' THEN
        is_keyed := true;
        SELECT array_agg(user_id) INTO users FROM (SELECT user_id FROM licensing_waitingseat
            WHERE subscription_id = (wanted ->> 'waits')::uuid LIMIT most_keys + 1) AS s;
    ELSIF holds IS NOT NULL THEN
        is_keyed := true;
        SELECT array_agg(user_id) INTO users FROM (SELECT user_id FROM licensing_assignment
            WHERE subscription_id = holds LIMIT most_keys + 1) AS s;
    END IF;
    IF cardinality(users) > most_keys THEN
        is_keyed := false;
        users := NULL;
    END IF;

    IF list_size > 2 * most_read THEN
        EXECUTE format('SELECT count(*) FILTER (WHERE %4$s), count(*) FILTER (WHERE %2$s),'
            ' count(*) FILTER (WHERE %1$s AND %2$s), count(*) FILTER (WHERE has AND %1$s AND %2$s),'
            ' count(*) FILTER (WHERE has) FROM (SELECT *, %3$s AS has FROM ',
            loosely, rows_wanted, seats_wanted, roughly)
            || format(walk, 'true', age || ', id', glance) || ') AS u'
            INTO saw_matching, saw_wanted, saw_both, saw_found, saw_seats USING users;
    END IF;
    about := saw_both::bigint * list_size / glance;
    is_common := 5 * saw_matching > 2 * glance;
    IF NOT is_keyed AND saw_seats = 0 AND (is_common OR about > 4 * most_read) THEN
        -- Many match, and none of those that were seen has such seats: all seats are read at once.
        PERFORM set_config('cpu_tuple_cost', '0.01', true);
        EXECUTE format('SELECT array_agg(id) FROM (SELECT u.id FROM users_customeruser u'
            ' WHERE u.partner_id = %L AND u.customer_id = %L AND %s LIMIT %s) AS s',
            partner, customer, replace(seats_wanted, ' OFFSET 0', ''), most_keys + 1) INTO users;
        PERFORM set_config('cpu_tuple_cost', '1000', true);
        is_keyed := true;
    END IF;
    IF is_keyed AND coalesce(cardinality(users), 0) <= most_keys THEN
        users := coalesce(users, '{}');
        rows_wanted := rows_wanted || ' AND u.id = ANY ($1)';
        is_indexed := true;
        saw_wanted := 0;
    END IF;
    is_indexed := is_indexed AND 4 * saw_wanted < glance;
    is_walked := is_common AND NOT is_indexed;
    take := format('%%s AND %s AND %s AND %%s', replace(rows_wanted, '%', '%%'),
        replace(CASE WHEN is_common THEN loosely ELSE matching END, '%', '%%'));
    sift := format('WITH found AS MATERIALIZED (SELECT u.id, u.key FROM'
        ' (SELECT id, key::%s AS key FROM unnest($1, $2) AS s (id, key)) AS u WHERE %s),'
        ' page AS MATERIALIZED (SELECT * FROM found AS u WHERE %s ORDER BY %s LIMIT %s)'
        ' SELECT (SELECT count(*) FROM found), ARRAY(SELECT id FROM page),'
        ' ARRAY(SELECT key::text FROM page)', key_type, seats_wanted,
        kept_place, direction, at_most);

    IF is_walked THEN
        EXECUTE format('SELECT array_agg(id), array_agg(key::text)'
            ' FROM (SELECT u.id, u.key FROM %s WHERE %s AND %s AND %s LIMIT %s) AS f',
            format(walk, 'true', age || ', id', most_read),
            loosely, rows_wanted, seats_wanted, count_to) INTO some_ids, some_keys USING users;
        EXECUTE sift INTO counted, ids, first_keys USING some_ids, some_keys;
    ELSE
        PERFORM set_config('enable_indexscan', 'off', true);
        FOR one_id, one_key IN EXECUTE format('SELECT u.id, u.%I::text FROM users_customeruser u '
            || take, sort, CASE WHEN is_indexed THEN indexes ELSE one_index END, 'true')
            USING users
        LOOP
            some_ids[read + 1] := one_id;
            some_keys[read + 1] := one_key;
            read := read + 1;
            IF read = most_read OR read = 5 * most_read THEN
                PERFORM set_config('enable_indexscan', 'on', true);
                EXECUTE sift INTO counted, ids, first_keys USING some_ids, some_keys;
                -- With fewer it is not known how far down the page reaches.
                EXIT WHEN cardinality(ids) = at_most OR read > most_read OR seats_wanted = 'true';
                counted := NULL;
            END IF;
        END LOOP;
        PERFORM set_config('enable_indexscan', 'on', true);
        is_exact := counted IS NULL;
        IF is_exact THEN
            EXECUTE sift INTO counted, ids, first_keys USING some_ids, some_keys;
        END IF;
    END IF;
    counted := least(counted, count_to);
    IF is_exact THEN
        RETURN;
    END IF;
    first_ids := ids;

    IF list_size <= 2 * most_read OR 40 * saw_found >= glance THEN
        EXECUTE 'WITH u AS MATERIALIZED (SELECT * FROM '
            || format(walk, place, replace(direction, 'u.', ''), short_walk)
            || format(') SELECT ARRAY(SELECT id FROM u WHERE CASE WHEN %s AND %s THEN %s END'
            ' ORDER BY %s LIMIT %s), count(*) FROM u',
            loosely, rows_wanted, seats_wanted, direction, at_most) INTO ids, walked USING users;
        IF cardinality(ids) = at_most OR walked < short_walk THEN
            counted := least(greatest(counted, cardinality(ids)), count_to);
            is_exact := place_id IS NULL AND cardinality(ids) < at_most;
            RETURN;
        END IF;
    END IF;

    IF is_walked THEN
        EXECUTE format('SELECT ARRAY(SELECT id FROM %s WHERE %s AND %s AND %s LIMIT %s)',
            format(walk, place, replace(direction, 'u.', ''), 'ALL'),
            loosely, rows_wanted, seats_wanted, at_most) INTO ids USING users;
        counted := least(greatest(counted, cardinality(ids)), count_to);
        is_exact := place_id IS NULL AND cardinality(ids) < at_most;
        RETURN;
    END IF;
    rank := at_most;
    -- That many matching users have to be read before the page is full.
    IF at_most * about > 2 * short_walk * greatest(counted, 1) THEN
        rank := greatest(at_most / 6, least(at_most, ceil(1.5 * at_most * most_read / about)));
    END IF;
    FOREACH rank IN ARRAY ARRAY[rank, at_most, 0] LOOP
        CONTINUE WHEN rank > cardinality(first_keys);
        bound := CASE WHEN rank = 0 THEN 'true' ELSE format('%s AND (u.%I, u.id) %s (%L, %L)',
            place, sort, CASE WHEN is_down THEN '>=' ELSE '<=' END, first_keys[rank],
            first_ids[rank]) END;
        PERFORM set_config('enable_indexscan', 'off', true);
        EXECUTE format('SELECT array_agg(u.id), array_agg(u.%I::text) FROM users_customeruser u '
            || take, sort, CASE WHEN is_indexed OR rank > 0 THEN indexes ELSE one_index END, bound)
            INTO some_ids, some_keys USING users;
        PERFORM set_config('enable_indexscan', 'on', true);
        EXECUTE sift INTO found, ids USING some_ids, some_keys;
        EXIT WHEN cardinality(ids) = at_most;
    END LOOP;
    is_exact := rank = 0 AND place_id IS NULL;
    counted := least(greatest(counted, found), count_to);
END
"""

# Reading rows is what costs, above all those of other tenants that lie before the tenant's own.
SETTINGS = (
    " SET cpu_tuple_cost = 1000 SET enable_seqscan = off"
    " SET enable_indexscan = on SET max_parallel_workers_per_gather = 0"
)
PAGE_ARGUMENTS = (
    "customer uuid, in_deleted boolean, patterns text[], list_size integer, sort text,"
    " is_down boolean, place_key text, place_id uuid, at_most integer, count_to integer"
)


class Migration(migrations.Migration):
    dependencies = [("users", "0003_counts")]

    operations = [
        definer_function(
            "app.search_users(customer uuid, in_deleted boolean, patterns text[], at_most integer)"
            " RETURNS SETOF uuid LANGUAGE plpgsql STABLE",
            SEARCH_USERS,
        ),
        definer_function(
            "app.search_people(customers uuid[], patterns text[], at_most integer)"
            " RETURNS SETOF uuid LANGUAGE plpgsql STABLE",
            SEARCH_PEOPLE,
        ),
        definer_function(
            f"app.search_page({PAGE_ARGUMENTS}, OUT ids uuid[], OUT counted integer)"
            f" LANGUAGE plpgsql STABLE {SETTINGS}",
            SEARCH_PAGE,
        ),
        migrations.RunSQL(LIST_CONDITIONS, "DROP FUNCTION app.list_conditions"),
        definer_function(
            f"app.search_filtered({PAGE_ARGUMENTS}, wanted jsonb,"
            " OUT ids uuid[], OUT counted integer, OUT is_exact boolean)"
            # The keys of all users that a common word finds fit into this memory.
            f" LANGUAGE plpgsql STABLE {SETTINGS} SET work_mem = '32MB'",
            SEARCH_FILTERED,
        ),
    ]
