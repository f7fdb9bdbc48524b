-- Who may come in. Only hashes of secrets are here.
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 4),
  areas TEXT, -- JSON list; NULL for all
  full_name TEXT NOT NULL,
  email TEXT NOT NULL,
  language TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  created_at_us INTEGER NOT NULL,
  signed_in_at_us INTEGER,
  password_hash TEXT NOT NULL -- argon2id, PHC string
) STRICT;

CREATE TABLE sessions (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE, -- SHA-256 of the cookie
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at_us INTEGER NOT NULL,
  seen_at_us INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL,
  origin TEXT NOT NULL,
  agent TEXT NOT NULL
) STRICT;

CREATE TABLE tokens (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  digest BLOB NOT NULL UNIQUE, -- SHA-256 of the token
  role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 4),
  areas TEXT,
  nouns TEXT NOT NULL, -- JSON list
  created_at_us INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at_us INTEGER,
  used_at_us INTEGER
) STRICT;

-- Failed tries by subject (account:NAME, address:IP), so that a restart forgives nobody.
CREATE TABLE sign_in_failures (
  subject TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  last_at_us INTEGER NOT NULL,
  blocked_until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
