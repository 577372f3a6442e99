-- The roles and databases of the portal, made once per server by its superuser with psql.
-- Running it again changes nothing but the passwords. It reads from the environment:
-- PORTAL_OWNER_PASSWORD, PORTAL_APP_PASSWORD, PORTAL_BACKUP_PASSWORD (may be empty: no sign-in),
-- and PORTAL_TESTS=1 where tests may create databases.
\set ON_ERROR_STOP on
\set owner_password ''
\set app_password ''
\set backup_password ''
\set tests 0
\getenv owner_password PORTAL_OWNER_PASSWORD
\getenv app_password PORTAL_APP_PASSWORD
\getenv backup_password PORTAL_BACKUP_PASSWORD
\getenv tests PORTAL_TESTS
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I', role)
  FROM unnest(ARRAY['portal_owner', 'portal_app', 'portal_search', 'portal_backup']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
\gexec

-- Owns the tables; only migrations sign in as it. Without BYPASSRLS it could not validate foreign keys.
ALTER ROLE portal_owner LOGIN BYPASSRLS NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION
  PASSWORD :'owner_password';
-- Web, workers and beat. Row security holds for it, so it is nothing but a login.
ALTER ROLE portal_app LOGIN NOBYPASSRLS NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION
  PASSWORD :'app_password';
-- Owns the few functions that look across row security and filter by tenant themselves.
ALTER ROLE portal_search NOLOGIN BYPASSRLS NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION;
-- Reads everything, for backups.
ALTER ROLE portal_backup LOGIN BYPASSRLS NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION
  PASSWORD :'backup_password';

GRANT pg_read_all_data TO portal_backup;
GRANT portal_search TO portal_owner WITH SET TRUE, INHERIT FALSE;

SELECT :'tests' = '1' AS tests_allowed
\gset
\if :tests_allowed
  ALTER ROLE portal_owner CREATEDB;
  -- A session that a test left open must not keep its database from being dropped.
  GRANT pg_signal_backend TO portal_owner;
\endif

-- The locale decides whether the trigram index holds any Chinese: under plain C it holds none.
SELECT $$CREATE DATABASE portal_template TEMPLATE template0 OWNER portal_owner
         ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C.UTF-8'$$
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'portal_template')
\gexec

\connect portal_template
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
ALTER SCHEMA public OWNER TO portal_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION portal_owner;
GRANT USAGE ON SCHEMA app TO portal_app, portal_search, portal_backup;
GRANT CREATE ON SCHEMA app TO portal_search;
-- Default privileges belong to a database: through the template they reach the test databases too.
ALTER DEFAULT PRIVILEGES FOR ROLE portal_owner
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO portal_app;
ALTER DEFAULT PRIVILEGES FOR ROLE portal_owner
  GRANT USAGE, SELECT ON SEQUENCES TO portal_app;

\connect postgres
ALTER DATABASE portal_template IS_TEMPLATE true;
SELECT 'CREATE DATABASE portal TEMPLATE portal_template OWNER portal_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'portal')
\gexec
-- A database takes over no rights from its template: nothing here needs temporary tables, and one
-- could stand in the place of a table of ours.
REVOKE TEMPORARY, CREATE ON DATABASE portal FROM PUBLIC;
