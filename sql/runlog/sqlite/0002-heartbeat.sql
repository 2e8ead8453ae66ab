-- When the process that makes the run was last seen alive.
ALTER TABLE runs ADD COLUMN heartbeat_at TEXT;
