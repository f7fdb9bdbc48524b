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
  flags INTEGER NOT NULL,   -- quality in bits 0-1, bit 2: clock not trusted, bit 3: dated again
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

-- What identifies the deliveries and frames of one commit (see intake): blobs of 64-bit integers.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  link TEXT NOT NULL,
  session TEXT NOT NULL,
  tokens BLOB NOT NULL,
  digests BLOB NOT NULL,
  identities BLOB NOT NULL
) STRICT;
