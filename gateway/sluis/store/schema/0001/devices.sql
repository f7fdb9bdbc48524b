-- Devices and their points. Ids are small integers so that a reading row stays small.
CREATE TABLE devices (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  driver TEXT NOT NULL,
  native_id TEXT NOT NULL,
  link TEXT NOT NULL,
  state TEXT NOT NULL,
  body TEXT NOT NULL, -- the rest of model.Device, JSON
  UNIQUE (driver, native_id)
) STRICT;

CREATE TABLE points (
  id INTEGER PRIMARY KEY,
  device_id INTEGER NOT NULL REFERENCES devices (id),
  key TEXT NOT NULL,
  class INTEGER, -- of retention: 0 telemetry, 1 state, 2 diagnostic; NULL follows the values
  UNIQUE (device_id, key)
) STRICT;
