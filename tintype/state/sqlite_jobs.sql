-- Schema version 1. States of pages: 0 queued, 1 running, 2 captured, 3 failed, 4 cancelled.
CREATE TABLE job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    stores INTEGER NOT NULL,
    created REAL NOT NULL,
    started REAL NOT NULL DEFAULT 0,
    ended REAL NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    retried INTEGER NOT NULL DEFAULT 0,
    queued INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    captured INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    claimed REAL NOT NULL DEFAULT 0,
    idempotency_key TEXT,
    fingerprint TEXT NOT NULL,
    webhook TEXT NOT NULL,
    sitemap TEXT NOT NULL
);
CREATE INDEX job_owner ON job (owner, number);
CREATE INDEX job_open ON job (owner) WHERE queued > 0;
CREATE INDEX job_ended ON job (ended) WHERE ended > 0;
CREATE UNIQUE INDEX job_idempotency ON job (owner, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE page (
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    number INTEGER NOT NULL,
    host TEXT NOT NULL,
    url TEXT NOT NULL,
    options INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0,
    token TEXT,
    result TEXT,
    PRIMARY KEY (job, number)
) WITHOUT ROWID;
CREATE INDEX page_queued ON page (job, number, due, host) WHERE state = 0;
CREATE INDEX page_leased ON page (due) WHERE state = 1;

-- Options that pages of a job share, stored once.
CREATE TABLE page_options (
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job, number)
);

-- Hosts of running pages, and the time of the last start.
CREATE TABLE host (name TEXT PRIMARY KEY, running INTEGER NOT NULL DEFAULT 0, started REAL NOT NULL DEFAULT 0) WITHOUT ROWID;

-- "due" is of the time of day, "lease" of the monotonic clock; "run" is the run in progress.
CREATE TABLE schedule (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    spec TEXT NOT NULL,
    created REAL NOT NULL,
    due REAL,
    run TEXT,
    lease REAL NOT NULL DEFAULT 0,
    token TEXT
);
CREATE INDEX schedule_owner ON schedule (owner, number);
CREATE INDEX schedule_due ON schedule (due) WHERE run IS NULL AND due IS NOT NULL;
CREATE INDEX schedule_running ON schedule (lease) WHERE run IS NOT NULL;

CREATE TABLE run (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule INTEGER NOT NULL REFERENCES schedule ON DELETE CASCADE,
    id TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX run_id ON run (schedule, id);

-- The boot of the machine whose monotonic clock the leases are of.
CREATE TABLE boot (id TEXT NOT NULL);

-- States of deliveries: 0 pending, 1 in an attempt, 2 delivered, 3 failed, 4 stopped. "due" is of the time of day,
-- because it survives a restart; "leased" is of the monotonic clock.
CREATE TABLE delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    receiver INTEGER NOT NULL REFERENCES receiver,
    event TEXT NOT NULL,
    url TEXT NOT NULL,
    subject TEXT NOT NULL,
    page INTEGER NOT NULL,
    owner TEXT NOT NULL,
    data TEXT NOT NULL,
    created REAL NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,
    leased REAL NOT NULL DEFAULT 0,
    token TEXT,
    ended REAL NOT NULL DEFAULT 0,
    http_status INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT ''
);
CREATE INDEX delivery_due ON delivery (due) WHERE state = 0;
CREATE INDEX delivery_receiver ON delivery (receiver, due) WHERE state = 0;
CREATE INDEX delivery_all_of_receiver ON delivery (receiver);
CREATE INDEX delivery_leased ON delivery (leased) WHERE state = 1;
CREATE INDEX delivery_subject ON delivery (subject, url) WHERE state = 0;
CREATE INDEX delivery_owner ON delivery (owner, number);
CREATE INDEX delivery_ended ON delivery (ended) WHERE ended > 0;

-- Receivers of each owner: consecutive failures, and the time of the last attempt.
CREATE TABLE receiver (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    host TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    attempted REAL NOT NULL DEFAULT 0,
    UNIQUE (owner, host)
);

-- URLs that returned 410 to an event of a job or schedule.
CREATE TABLE stopped (
    subject TEXT NOT NULL,
    url TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (subject, url)
) WITHOUT ROWID;
