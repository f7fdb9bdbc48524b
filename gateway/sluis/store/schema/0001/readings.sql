-- The append log of readings. seq is the order of arrival for ever (and the outbox cursor); no index on the point,
-- so that a commit touches one or two pages however many points report.
CREATE TABLE boots (
  id INTEGER PRIMARY KEY,
  started_at_us INTEGER NOT NULL
) STRICT;

CREATE TABLE readings (
  seq INTEGER PRIMARY KEY,
  point INTEGER NOT NULL,
  at_us INTEGER NOT NULL,   -- wall clock, as corrected later when the clock was not trusted
  mono_us INTEGER NOT NULL, -- monotonic clock of `boot`
  boot INTEGER NOT NULL,
  flags INTEGER NOT NULL,   -- bits 0-1 quality, 2 clock not trusted, 3 dated again, 4 value is a bool
  value ANY NOT NULL,
  device_at_us INTEGER
) STRICT;

CREATE TABLE occurrences (
  id INTEGER PRIMARY KEY,
  point INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  mono_us INTEGER NOT NULL,
  boot INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  what TEXT NOT NULL
) STRICT;
CREATE INDEX occurrences_by_point ON occurrences (point, at_us);

-- Older readings and their rollups, compressed, by segments of the log (see sluis/store/segments.py).
CREATE TABLE segments (
  id INTEGER PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  start_us INTEGER NOT NULL, -- earliest and latest wall time in it
  end_us INTEGER NOT NULL,
  count INTEGER NOT NULL,
  packed_at_us INTEGER NOT NULL,
  hours INTEGER NOT NULL,    -- id of the segment its hours are stored under
  untrusted_boot INTEGER     -- the boot whose untrusted records it holds
) STRICT;

CREATE TABLE blocks (
  id INTEGER PRIMARY KEY, -- resolution, segment, class and point in one number: appended in order, freed by ranges
  data BLOB NOT NULL
) STRICT;

-- The newest packed reading of each point, so that a start need not unpack anything.
CREATE TABLE latest (
  point INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  mono_us INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  value ANY NOT NULL
) STRICT;
