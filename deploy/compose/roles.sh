#!/bin/sh
# Run once by PostgreSQL's image on an empty volume: the application's login, which owns nothing and bypasses nothing.
# `storeops migrate` finds it and lets it take the role of each service.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$APP_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE storeops_app LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
SQL
