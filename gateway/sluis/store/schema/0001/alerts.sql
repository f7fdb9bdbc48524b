-- Alerts, what happened to them, and what the rules remember over a restart. `body` is JSON.
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY,
  rule TEXT NOT NULL,
  device TEXT NOT NULL,
  point TEXT NOT NULL,
  opened_at_us INTEGER NOT NULL,
  cleared_at_us INTEGER NOT NULL, -- 0 while open
  body BLOB NOT NULL
) STRICT;

CREATE INDEX alerts_open ON alerts (id) WHERE cleared_at_us = 0;
CREATE INDEX alerts_by_device ON alerts (device, id);

CREATE TABLE alert_steps (
  id INTEGER PRIMARY KEY,
  alert_id INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  at_us INTEGER NOT NULL,
  what TEXT NOT NULL,
  who TEXT NOT NULL,
  note TEXT NOT NULL
) STRICT;

CREATE INDEX alert_steps_by_alert ON alert_steps (alert_id, id);

CREATE TABLE rule_states (
  rule TEXT NOT NULL,
  device TEXT NOT NULL,
  point TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (rule, device, point)
) STRICT, WITHOUT ROWID;
