"""What the archive holds, counted as it changes: in the transaction that changes it, by triggers, whoever makes it.

Counting millions of rows takes seconds, and pages ask every few. ``recording_sums`` has a row a UCM, ``recording_days`` one a day of calls
(PBX local, as :mod:`scraper.catalog.search` knows it). ``catalog check`` counts anew and compares.
"""

from __future__ import annotations

from sqlalchemy import Connection

# ruff: noqa: S608 -- nothing of it comes from elsewhere

_FIRST, _OLD_FIRST = "(NEW.state = 'archived' AND NEW.suffix = '')", "(OLD.state = 'archived' AND OLD.suffix = '')"
_MORE = "DO UPDATE SET recordings = {0}.recordings + excluded.recordings, size = {0}.size + excluded.size"
_TO_SUMS, _TO_DAYS = f"ON CONFLICT (ucm) {_MORE.format('recording_sums')}", f"ON CONFLICT (ucm, day) {_MORE.format('recording_days')}"
_INTO_SUMS, _INTO_DAYS = "INSERT INTO recording_sums (ucm, recordings, size)", "INSERT INTO recording_days (ucm, day, recordings, size)"

#: Each a whole statement, for a catalog without these triggers.
SQLITE = (
    f"""CREATE TRIGGER sums_recording_new AFTER INSERT ON recordings WHEN NEW.state = 'archived' BEGIN
    {_INTO_SUMS} VALUES (NEW.ucm, NEW.suffix = '', NEW.size) {_TO_SUMS};
END""",
    f"""CREATE TRIGGER sums_recording_changed AFTER UPDATE OF state, suffix, size ON recordings
WHEN (NEW.state, NEW.suffix, NEW.size) IS NOT (OLD.state, OLD.suffix, OLD.size) BEGIN
    {_INTO_SUMS} VALUES (
        NEW.ucm, {_FIRST} - {_OLD_FIRST}, (NEW.state = 'archived') * NEW.size - (OLD.state = 'archived') * OLD.size
    ) {_TO_SUMS};
    {_INTO_DAYS} SELECT ucm, substr(at, 1, 10), {_FIRST} - {_OLD_FIRST}, {_FIRST} * NEW.size - {_OLD_FIRST} * OLD.size
        FROM search_index WHERE recording_id = NEW.id {_TO_DAYS};
END""",
    f"""CREATE TRIGGER sums_recording_gone BEFORE DELETE ON recordings WHEN OLD.state = 'archived' BEGIN
    {_INTO_SUMS} VALUES (OLD.ucm, -(OLD.suffix = ''), -OLD.size) {_TO_SUMS};
    {_INTO_DAYS} SELECT ucm, substr(at, 1, 10), -(OLD.suffix = ''), -(OLD.suffix = '') * OLD.size
        FROM search_index WHERE recording_id = OLD.id {_TO_DAYS};
END""",
    f"""CREATE TRIGGER sums_day_new AFTER INSERT ON search_index BEGIN
    {_INTO_DAYS} SELECT NEW.ucm, substr(NEW.at, 1, 10), 1, size
        FROM recordings WHERE id = NEW.recording_id AND state = 'archived' AND suffix = '' {_TO_DAYS};
END""",
    f"""CREATE TRIGGER sums_day_changed AFTER UPDATE OF at ON search_index WHEN NEW.at <> OLD.at BEGIN
    {_INTO_DAYS} SELECT OLD.ucm, substr(OLD.at, 1, 10), -1, -size
        FROM recordings WHERE id = OLD.recording_id AND state = 'archived' AND suffix = '' {_TO_DAYS};
    {_INTO_DAYS} SELECT NEW.ucm, substr(NEW.at, 1, 10), 1, size
        FROM recordings WHERE id = NEW.recording_id AND state = 'archived' AND suffix = '' {_TO_DAYS};
END""",
    # Where the recording goes, its own trigger has counted, and it is not there any more.
    f"""CREATE TRIGGER sums_day_gone AFTER DELETE ON search_index BEGIN
    {_INTO_DAYS} SELECT OLD.ucm, substr(OLD.at, 1, 10), -1, -size
        FROM recordings WHERE id = OLD.recording_id AND state = 'archived' AND suffix = '' {_TO_DAYS};
END""",
)

_DELTAS = """SELECT n.id, n.ucm,
        (n.state = 'archived' AND n.suffix = '')::int - (o.state = 'archived' AND o.suffix = '')::int AS recordings,
        (n.state = 'archived')::int * n.size - (o.state = 'archived')::int * o.size AS size,
        (n.state = 'archived' AND n.suffix = '')::int * n.size - (o.state = 'archived' AND o.suffix = '')::int * o.size AS first_size
    FROM new_rows n JOIN old_rows o USING (id) WHERE (n.state, n.suffix, n.size) IS DISTINCT FROM (o.state, o.suffix, o.size)"""


def _counted(rows: str, sign: str = "") -> str:
    """Rows of the search index as what they add to their days; in one order always, so that nobody waits for another in a circle."""
    return f"""{_INTO_DAYS} SELECT x.ucm, substr(x.at, 1, 10) AS day, {sign}count(*), {sign}sum(r.size) FROM {rows} x
        JOIN recordings r ON r.id = x.recording_id WHERE r.state = 'archived' AND r.suffix = ''
        GROUP BY x.ucm, day ORDER BY x.ucm, day {_TO_DAYS};"""


def _trigger(name: str, when: str, body: str, each: str = "STATEMENT", result: str = "NULL") -> tuple[str, str]:
    function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n    {body}\n    RETURN {result}; END $$"
    return function, f"CREATE TRIGGER {name} {when} FOR EACH {each} EXECUTE FUNCTION {name}()"


_BOTH = "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows"
#: A statement at a time where many rows may come at once: a sum that one statement changes for each of its rows grows slow.
POSTGRESQL = (
    *_trigger(
        "sums_recording_new",
        "AFTER INSERT ON recordings REFERENCING NEW TABLE AS new_rows",
        f"""{_INTO_SUMS} SELECT ucm, count(*) FILTER (WHERE suffix = ''), sum(size) FROM new_rows WHERE state = 'archived'
        GROUP BY ucm ORDER BY ucm {_TO_SUMS};""",
    ),
    *_trigger(
        "sums_recording_changed",
        f"AFTER UPDATE ON recordings {_BOTH}",
        f"""{_INTO_SUMS} SELECT ucm, sum(recordings), sum(size) FROM ({_DELTAS}) d GROUP BY ucm ORDER BY ucm {_TO_SUMS};
    {_INTO_DAYS} SELECT x.ucm, substr(x.at, 1, 10) AS day, sum(d.recordings), sum(d.first_size) FROM ({_DELTAS}) d
        JOIN search_index x ON x.recording_id = d.id GROUP BY x.ucm, day ORDER BY x.ucm, day {_TO_DAYS};""",
    ),
    *_trigger(
        "sums_recording_gone",
        "BEFORE DELETE ON recordings",
        f"""IF OLD.state = 'archived' THEN
        {_INTO_SUMS} VALUES (OLD.ucm, -(OLD.suffix = '')::int, -OLD.size) {_TO_SUMS};
        {_INTO_DAYS} SELECT ucm, substr(at, 1, 10), -(OLD.suffix = '')::int, -(OLD.suffix = '')::int * OLD.size
            FROM search_index WHERE recording_id = OLD.id {_TO_DAYS};
    END IF;""",
        "ROW",
        "OLD",
    ),
    *_trigger("sums_day_new", "AFTER INSERT ON search_index REFERENCING NEW TABLE AS new_rows", _counted("new_rows")),
    *_trigger("sums_day_changed", f"AFTER UPDATE ON search_index {_BOTH}", f"{_counted('old_rows', '-')}\n    {_counted('new_rows')}"),
    # Where the recording goes, its own trigger has counted, and it is not there any more.
    *_trigger("sums_day_gone", "AFTER DELETE ON search_index REFERENCING OLD TABLE AS old_rows", _counted("old_rows", "-")),
)

#: What the sums have to be.
COUNTED_SUMS = """SELECT ucm, sum(CASE WHEN suffix = '' THEN 1 ELSE 0 END) AS recordings, sum(size) AS size
    FROM recordings WHERE state = 'archived' GROUP BY ucm"""
COUNTED_DAYS = """SELECT x.ucm, substr(x.at, 1, 10) AS day, count(*) AS recordings, sum(r.size) AS size
    FROM search_index x JOIN recordings r ON r.id = x.recording_id
    WHERE r.state = 'archived' AND r.suffix = '' GROUP BY x.ucm, substr(x.at, 1, 10)"""


def create_triggers(connection: Connection) -> None:
    """Count from now on."""
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        connection.exec_driver_sql(statement)


def count_anew(connection: Connection) -> None:
    """Count all that there is."""
    for table, query in (("recording_sums", COUNTED_SUMS), ("recording_days", COUNTED_DAYS)):
        connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql(f"INSERT INTO {table} {query}")
