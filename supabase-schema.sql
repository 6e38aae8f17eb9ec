-- s3sync-tui: the catalog. Schema version 4.
--
-- Paste it into Supabase's SQL editor, feed it to psql, or run
-- `s3sync-tui schema --apply`. It may be applied any number of times, also over
-- a table of your own: it adds what is missing, drops nothing, and where
-- something is in the way it says what, and changes nothing at all.
-- For another table name: `s3sync-tui schema --table NAME`.

begin;
set local search_path = public, pg_temp;
set local client_min_messages = warning;
set local statement_timeout = 0;
-- Who comes after us waits behind us for a lock that we wait for: no longer than this.
set local lock_timeout = '5s';
select pg_advisory_xact_lock(hashtext('s3sync-tui schema'));

-- 1. What is in the way? ------------------------------------------------------

do $$
declare
  v_table text;
  v_class regclass;
  v_found bigint;
  v_names text;
  v_type text;
  v_version integer;
begin
  if to_regclass('public.sync_schema') is not null then
    execute 'select version from sync_schema where table_name = $1' into v_version using 'images';
    execute 'select coalesce(max(version), 0) from sync_schema' into v_found;
  end if;
  foreach v_table in array case when v_found is null then array['sync_runs', 'sync_leases', 'sync_batches', 'sync_lanes', 'sync_changes']
      when v_found < 2 then array['sync_lanes', 'sync_changes']
      when v_found < 3 then array['sync_changes'] else '{}'::text[] end loop
    if to_regclass('public.' || v_table) is not null then
      raise exception using errcode = 'S3S03',
        message = format('a table %s exists that s3sync-tui did not make', v_table),
        hint = format('Rename it (alter table %1$s rename to my_%1$s), then apply the schema again.', v_table);
    end if;
  end loop;
  if v_version is null and to_regclass('public.images_counts') is not null then
    raise exception using errcode = 'S3S03',
      message = format('a table %s exists that s3sync-tui did not make', 'images_counts'),
      hint = 'Rename it, or choose another table name (--table), then apply the schema again.';
  elsif v_version > 4 then
    raise exception using errcode = 'S3S03',
      message = format('the schema has version %s already, and this is version 4', v_version),
      hint = 'Upgrade s3sync-tui with: pip install --upgrade s3sync-tui';
  end if;

  -- Batches lock this table first of all: they wait until we are done.
  if to_regclass('public.sync_leases') is not null then
    lock table sync_leases in exclusive mode;
  end if;

  foreach v_table in array array['images', 'images_archive'] loop
    v_class := to_regclass(format('public.%I', v_table));
    continue when v_class is null;

    if (select relkind not in ('r', 'p') from pg_class where oid = v_class) then
      raise exception using errcode = 'S3S03',
        message = format('%s is not a table', v_table),
        hint = 'Choose another table name (--table), or rename what is there.';
    end if;
    -- No row may slip in between the check and the index.
    execute format('lock table %s in share row exclusive mode', v_class);

    select format_type(atttypid, null) into v_type from pg_attribute
      where attrelid = v_class and attname = 'filename' and not attisdropped;
    if v_type is null then
      raise exception using errcode = 'S3S03',
        message = format('the table %s has no column filename', v_table),
        hint = 'Rename the column that holds the S3 key to filename, or choose another table name (--table).';
    elsif v_type not in ('text', 'character varying', 'character') then
      raise exception using errcode = 'S3S03',
        message = format('the column filename of %s has the type %s, not text', v_table, v_type),
        hint = 'Turn the column into text, or choose another table name (--table).';
    end if;

    select string_agg(format('%I (%s)', attname, format_type(atttypid, null)), ', ' order by attnum) into v_names
      from pg_attribute
      where attrelid = v_class and not attisdropped
        and (attname = 'last_modified' and atttypid <> 'timestamptz'::regtype
          or attname = 'missing_since' and atttypid <> 'timestamptz'::regtype
          or attname = 'created_at' and atttypid not in ('timestamptz'::regtype, 'timestamp'::regtype)
          or attname = 'etag' and atttypid not in ('text'::regtype, 'varchar'::regtype)
          or attname = 'size_bytes' and atttypid not in ('int8'::regtype, 'int4'::regtype, 'int2'::regtype, 'numeric'::regtype));
    if v_names is not null then
      raise exception using errcode = 'S3S03',
        message = format('columns of %s have types that cannot be used: %s', v_table, v_names),
        hint = 'last_modified, missing_since and created_at must be timestamptz, etag text, size_bytes bigint: '
          'alter table … alter column … type ….';
    end if;

    select string_agg(quote_ident(attname), ', ' order by attnum) into v_names from pg_attribute
      where attrelid = v_class and attnum > 0 and not attisdropped and attnotnull and not atthasdef
        and attidentity = '' and attname not in ('filename', 'size_bytes', 'etag', 'last_modified')
        and v_table = 'images';
    if v_names is not null then
      raise exception using errcode = 'S3S03',
        message = format('columns of %s are not null and have no default, so no row could be added: %s', v_table, v_names),
        hint = format('Give them a default: alter table %s alter column … set default …;', v_table);
    end if;

    -- Views, policies and triggers that name a column keep Postgres from changing its type.
    select string_agg(distinct pg_describe_object(d.classid, d.objid, 0), ', ') into v_names
      from pg_attribute a join pg_depend d on d.refclassid = 'pg_class'::regclass
        and d.refobjid = a.attrelid and d.refobjsubid = a.attnum
      where a.attrelid = v_class and not a.attisdropped
        and d.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)
        and not exists (select from pg_trigger t where d.classid = 'pg_trigger'::regclass
          and t.oid = d.objid and t.tgisinternal)
        and (a.attname = 'filename' and (a.atttypid <> 'text'::regtype or a.attcollation <> 'pg_catalog."C"'::regcollation)
          or a.attname = 'size_bytes' and a.atttypid <> 'int8'::regtype);
    if v_names is not null then
      raise exception using errcode = 'S3S03',
        message = format('columns of %s have to become filename text collate "C" and size_bytes bigint, '
          'and these stand in the way: %s', v_table, v_names),
        hint = 'Drop them, apply the schema, and create them again.';
    end if;

    -- Not under the lock, row by row, where the column itself keeps them out.
    select attnotnull::integer - 1 into v_found from pg_attribute where attrelid = v_class and attname = 'filename';
    if v_found < 0 then
      execute format('select count(*) from %s where filename is null', v_class) into v_found;
    end if;
    if v_found > 0 then
      raise exception using errcode = 'S3S03',
        message = format('%s rows of %s have no filename', v_found, v_table),
        hint = format('Look at them with: select * from %s where filename is null;', v_table);
    end if;

    -- An index that is already unique on filename alone makes the count needless.
    continue when exists (
      select from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
      where x.indrelid = v_class and x.indisunique and x.indisvalid and x.indpred is null
        and x.indnkeyatts = 1 and a.attname = 'filename');
    execute format(
      'select count(*), string_agg(format(''%%s (%%s times)'', filename, n), '', '' order by rank)
         filter (where rank <= 5)
       from (select filename collate "C" as filename, count(*) n, row_number() over (order by filename collate "C") rank
             from %s group by filename collate "C" having count(*) > 1) d', v_class)
      into v_found, v_names;
    if v_found > 0 then
      raise exception using errcode = 'S3S03',
        message = format('%s filenames occur more than once in %s: %s%s', v_found, v_table, v_names,
          case when v_found > 5 then ', …' else '' end),
        hint = format('See them all with: select filename, count(*), array_agg(id order by id) from %s '
          'group by filename having count(*) > 1; keep one row of each, then apply the schema again.', v_table);
    end if;
  end loop;
end $$;

-- 2. Tables -------------------------------------------------------------------

do $$
declare
  v_table text;
  v_class regclass;
  v_missing text;
begin
  if to_regclass('public.images') is null then
    create table images (
      id bigint generated by default as identity primary key,
      filename text collate "C" not null
    );
    alter table images enable row level security;
  end if;
  foreach v_table in array array['images', 'images_archive'] loop
    v_class := to_regclass(format('public.%I', v_table));
    if v_class is null then
      -- The columns of images, also those of your own, so that rows can be moved.
      create table images_archive (like images);
      v_class := to_regclass(format('public.%I', v_table));
    end if;
    -- Collation "C" sorts by bytes, as S3 does. Changing it rewrites the table's
    -- indexes, so it is done only where it is needed.
    if exists (select from pg_attribute where attrelid = v_class and attname = 'filename'
        and (atttypid <> 'text'::regtype or attcollation <> 'pg_catalog."C"'::regcollation)) then
      execute format('alter table %s alter column filename type text collate "C"', v_class);
    end if;
    if exists (select from pg_attribute where attrelid = v_class and attname = 'filename' and not attnotnull) then
      execute format('alter table %s alter column filename set not null', v_class);
    end if;
    if exists (select from pg_attribute where attrelid = v_class and attname = 'size_bytes'
        and atttypid <> 'int8'::regtype) then
      execute format('alter table %s alter column size_bytes type bigint', v_class);
    end if;
    select string_agg(format('add column %s %s', c.name, c.definition), ', ' order by c.place) into v_missing
      from (values
        (1, 'size_bytes', 'bigint'), (2, 'etag', 'text'), (3, 'last_modified', 'timestamptz'),
        (4, 'labeled', 'boolean default false'), (5, 'label', 'text'), (6, 'labeled_at', 'timestamptz'),
        (7, 'missing_since', 'timestamptz'), (8, 'created_at', 'timestamptz default now()'),
        (9, 'archived_at', 'timestamptz default now()')) c(place, name, definition)
      where (v_table = 'images_archive' or c.name <> 'archived_at')
        and not exists (select from pg_attribute where attrelid = v_class and attname = c.name and not attisdropped);
    if v_missing is not null then
      execute format('alter table %s %s', v_class, v_missing);
    end if;
  end loop;
  -- What a failed CREATE INDEX CONCURRENTLY left behind guards nothing.
  for v_table in select x.indexrelid::regclass::text from pg_index x
      where not x.indisvalid and x.indexrelid in (to_regclass('public.images_filename_s3sync_idx'),
        to_regclass('public.images_archive_s3sync_idx'), to_regclass('public.images_missing_s3sync_idx')) loop
    execute format('drop index %s', v_table);
  end loop;
end $$;

-- Covering: digests of key ranges are read from the index alone.
create unique index if not exists images_filename_s3sync_idx
  on images (filename) include (etag, size_bytes);
create unique index if not exists images_archive_s3sync_idx
  on images_archive (filename) include (etag, size_bytes);
-- Tiny: says whether a key range holds marked rows, which digests leave out.
create index if not exists images_missing_s3sync_idx
  on images (filename) where missing_since is not null;

create table if not exists sync_schema (
  table_name text primary key,
  version integer not null,
  applied_at timestamptz not null default now()
);

create table if not exists sync_runs (
  id bigint generated always as identity primary key,
  table_name text not null,
  bucket text not null,
  prefix text not null default '',
  mode text not null,
  status text not null default 'running'
    check (status in ('running', 'succeeded', 'failed', 'cancelled', 'interrupted')),
  holder text not null,
  started_at timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  duration_seconds double precision,
  total bigint not null default 0,
  added bigint not null default 0,
  skipped bigint generated always as (greatest(total - added, 0)) stored,
  changed bigint not null default 0,
  gone bigint not null default 0,
  rejected bigint not null default 0,
  list_requests bigint not null default 0,
  cost_usd double precision not null default 0,
  error text,
  hint text,
  details jsonb
);
create index if not exists sync_runs_started_at_idx on sync_runs (table_name, started_at desc);

-- The right to sync a bucket into a table. run_id is 0 while nobody holds it.
create table if not exists sync_leases (
  table_name text not null,
  bucket text not null,
  run_id bigint not null,
  holder text not null,
  request text not null default '',
  interrupted bigint[] not null default '{}',
  taken_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  primary key (table_name, bucket)
);

-- What each batch of a running run did: an answer that was lost on its way is
-- read here instead of being counted twice. Emptied when the run ends.
create table if not exists sync_batches (
  run_id bigint not null references sync_runs on delete cascade,
  batch integer not null,
  added integer not null default 0,
  changed integer not null default 0,
  primary key (run_id, batch)
);

-- What the last run that succeeded knows of a bucket's order: the lanes, and the
-- watermark of each, after which a delta run lists it. One row, replaced as a whole: a
-- row for each lane would leave a thousand dead ones every five minutes.
create table if not exists sync_lanes (
  table_name text not null,
  bucket text not null,
  prefix text not null default '',
  fingerprint text not null,
  full_at timestamptz not null,
  depth integer not null,
  lanes text[] not null,
  watermarks text[] not null,
  why_full text not null default '',
  primary key (table_name, bucket, prefix)
);

-- The change applied last to each key, by S3's own order of a key's changes: an older one
-- that comes late does nothing. Kept for an hour, and as long as a run is under way, whose
-- listing may be older. An empty sequencer is that of a look at the bucket.
create table if not exists sync_changes (
  table_name text not null,
  filename text collate "C" not null,
  sequencer text collate "C" not null,
  applied_at timestamptz not null,
  primary key (table_name, filename)
);
create index if not exists sync_changes_applied_at_idx on sync_changes (table_name, applied_at);

-- Rows per hour of their objects' last_modified (1970 where a row of yours has no
-- time at all), kept in the inserting transaction. Sixteen shards, so that writers
-- do not wait for one another.
create table if not exists images_counts (
  hour timestamptz not null,
  shard smallint not null,
  objects bigint not null,
  bytes bigint not null,
  primary key (hour, shard)
);
insert into images_counts
  select date_trunc('hour', coalesce(last_modified, created_at, 'epoch'), 'UTC'), 0,
    count(*), coalesce(sum(size_bytes), 0)
  from (select last_modified, created_at, size_bytes from images
        union all select last_modified, created_at, size_bytes from images_archive) i
  where not exists (select from images_counts)
  group by 1;

-- 3. Functions: the logic that both transports share ---------------------------

do $$
declare
  v_name text;
  -- Functions of another table than images have its name behind theirs.
  v_suffix text := replace(trim('s3sync_version', '"'), 's3sync' || '_version', '');
begin
  -- Those of an older version may have other parameters, and would stay beside ours.
  if exists (select from sync_schema where table_name = 'images' and version < 4) then
    for v_name in select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'public'::regnamespace
          and p.proname ~ ('^s3sync_[a-z]+(_[a-z]+)*' || v_suffix || '$') loop
      execute format('drop function %s', v_name);
    end loop;
  end if;
end $$;

create or replace function s3sync_version() returns integer
  language sql immutable set search_path = public, pg_temp
  as $$ select 4 $$;

-- What stops a sync: damage to the tables, or a role that sees no rows.
create or replace function s3sync_problems() returns text[]
  language sql stable set search_path = public, pg_temp
as $$
  select array_remove(array[
    (select 'tables are missing: ' || string_agg(t, ', ')
      from unnest(array['images', 'images_archive', 'images_counts',
        'sync_runs', 'sync_leases', 'sync_batches', 'sync_lanes', 'sync_changes']) t
      where to_regclass(format('public.%I', t)) is null
      having count(*) > 0),
    (select 'columns are missing: ' || string_agg(t || '.' || c, ', ')
      from unnest(array['images', 'images_archive']) t,
        unnest(array['filename', 'size_bytes', 'etag', 'last_modified', 'missing_since', 'created_at']) c
      where to_regclass(format('public.%I', t)) is not null
        and not exists (select from pg_attribute where attrelid = to_regclass(format('public.%I', t))
          and attname = c and not attisdropped)
      having count(*) > 0),
    (select 'the column filename has lost its collation "C" or NOT NULL in ' || string_agg(t, ', ')
      from unnest(array['images', 'images_archive']) t
      join pg_attribute on attrelid = to_regclass(format('public.%I', t)) and attname = 'filename'
      where attcollation <> 'pg_catalog."C"'::regcollation or not attnotnull
      having count(*) > 0),
    (select 'unique indexes are missing or invalid: ' || string_agg(x, ', ')
      from (values ('images', 'images_filename_s3sync_idx'),
        ('images_archive', 'images_archive_s3sync_idx')) i(t, x)
      where to_regclass(format('public.%I', t)) is not null
        and not exists (select from pg_index where indexrelid = to_regclass(format('public.%I', x))
          and indrelid = to_regclass(format('public.%I', t)) and indisunique and indisvalid)
      having count(*) > 0),
    (select 'row level security hides rows from the user ' || current_user || ' in ' || string_agg(t, ', ')
      from unnest(array['images', 'images_archive', 'images_counts',
        'sync_runs', 'sync_leases', 'sync_batches', 'sync_lanes', 'sync_changes']) t
      where to_regclass(format('public.%I', t)) is not null
        and row_security_active(to_regclass(format('public.%I', t))::oid)
      having count(*) > 0)
  ], null)
$$;

-- What this transaction does is on the disk when it is answered, also where the server's
-- setting leaves that to chance. Others' commits before it are then, too: they get there in
-- their order.
create or replace function s3sync_to_disk() returns void
  language plpgsql set search_path = public, pg_temp
as $$
begin
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;
end $$;

-- Locks the rows of these filenames, in key order, and waits for none while it holds another:
-- whoever else locks them, in whatever order, never waits in a circle with us. Nested loops are
-- for callers that have turned them off for themselves.
create or replace function s3sync_lock_rows(p_filenames text[]) returns void
  language plpgsql set search_path = public, pg_temp
  set enable_nestloop = on set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_locked text[];
  v_taken text;
begin
  for attempt in 1 .. 100 loop
    if attempt = 2 then -- of all of us that have to wait, one at a time
      perform pg_advisory_xact_lock(hashtext('s3sync-tui rows'), hashtext('images'));
    end if;
    begin
      v_locked := array(select i.filename from unnest(p_filenames) as n(filename)
        join images i on i.filename = n.filename
        order by n.filename collate "C" for no key update of i skip locked);
      select min(f collate "C") into v_taken from (
        select i.filename from unnest(p_filenames) as n(filename) join images i on i.filename = n.filename
        except select unnest(v_locked)) t(f);
      if v_taken is null then return; end if;
      raise exception using errcode = 'S3S06', message = 'some rows are taken';
    exception when sqlstate 'S3S06' then null; -- with that, all that we have locked is free again
    end;
    begin
      perform from images i where i.filename = v_taken for no key update;
      raise exception using errcode = 'S3S06', message = 'the row is free';
    exception when sqlstate 'S3S06' then null;
    end;
  end loop;
  -- Too lively a table for that. A circle is then found by the server, and we come again.
  perform from unnest(p_filenames) as n(filename) join images i on i.filename = n.filename
    order by n.filename collate "C" for no key update of i;
end $$;

create or replace function s3sync_summary(out objects_total bigint, out bytes_total bigint, out at timestamptz)
  language sql stable set search_path = public, pg_temp
as $$
  select coalesce(sum(objects), 0), coalesce(sum(bytes), 0), clock_timestamp() from images_counts
$$;

-- Where a lease has run out, and its holder stands still in the midst of a batch: ends that
-- session. The database waits for a client that was paused, or cut off, and would wait on with
-- the lease locked. Woken up, the client finds its batch undone, and itself replaced.
create or replace function s3sync_cut_off(p_bucket text) returns void
  language plpgsql set search_path = public, pg_temp set lock_timeout = '2s'
as $$
begin
  if not exists (select from sync_leases l where l.table_name = 'images' and l.bucket = p_bucket
      and l.run_id <> 0 and l.expires_at < clock_timestamp()) then
    return;
  end if;
  for v_attempt in 1..10 loop -- who waited for one that is ended now may stand still next
    begin
      perform from sync_leases l where l.table_name = 'images' and l.bucket = p_bucket for update;
      -- Undone at once: who waits for a lock that a subtransaction took is not told of what the
      -- transaction then writes.
      raise exception using errcode = 'S3S06', message = 'nobody stands in the way';
    exception
      when sqlstate 'S3S06' then return;
      when lock_not_available then null;
    end;
    perform pg_stat_clear_snapshot();
    perform pg_terminate_backend(a.pid, 1000)
      from pg_locks k join pg_stat_activity a on a.pid = k.pid
      where k.relation = 'sync_leases'::regclass and k.mode = 'RowShareLock' and k.granted
        and k.database = (select oid from pg_database where datname = current_database())
        and a.pid <> pg_backend_pid() and a.wait_event = 'ClientRead'
        and a.state_change < clock_timestamp() - interval '1 second';
  end loop;
exception when insufficient_privilege then null;  -- another user's: wait for it
end $$;

-- Takes the lease, marks dead runs, writes the run's row. Where another run holds
-- the lease, run_id is null and the rest says who. p_request is any text unique to
-- this request: repeated with the same, the call finds the run that it began.
create or replace function s3sync_begin_run(
  p_bucket text, p_prefix text, p_mode text, p_holder text, p_lease_seconds integer, p_request text default '',
  out run_id bigint, out started_at timestamptz, out interrupted bigint[],
  out held_by text, out held_run_id bigint, out held_since timestamptz, out held_for_seconds double precision)
  language plpgsql set search_path = public, pg_temp
as $$
declare
  v_lease sync_leases;
  v_is_held boolean;
begin
  perform s3sync_to_disk();
  insert into sync_leases (table_name, bucket, run_id, holder, expires_at)
    values ('images', p_bucket, 0, '', '-infinity') on conflict do nothing;
  -- Who is refused does not wait for a batch first. Nobody takes the lease but with its row
  -- locked, also where it runs out at this very moment.
  select * into v_lease from sync_leases l where l.table_name = 'images' and l.bucket = p_bucket;
  v_is_held := v_lease.expires_at > clock_timestamp();
  if not v_is_held or v_lease.request = p_request then
    perform s3sync_cut_off(p_bucket);
    -- FOR UPDATE waits for batches of the old holder that are being written just
    -- now (they hold FOR KEY SHARE), so none can commit after the takeover.
    select * into v_lease from sync_leases l
      where l.table_name = 'images' and l.bucket = p_bucket for update;
    v_is_held := v_lease.expires_at > clock_timestamp();
  end if;
  if v_lease.run_id <> 0 and v_lease.request = p_request and p_request <> '' then
    run_id := v_lease.run_id;
    interrupted := v_lease.interrupted;
    select r.started_at into started_at from sync_runs r where r.id = v_lease.run_id;
    return;
  end if;
  if v_is_held then
    held_by := v_lease.holder;
    held_run_id := v_lease.run_id;
    held_since := v_lease.taken_at;
    held_for_seconds := greatest(extract(epoch from v_lease.expires_at - clock_timestamp()), 0);
    return;
  end if;

  with dead as (
    update sync_runs r set
      status = 'interrupted',
      finished_at = r.heartbeat_at,
      duration_seconds = extract(epoch from r.heartbeat_at - r.started_at),
      added = b.added, changed = b.changed, total = greatest(r.total, b.added),
      error = 'the process stopped without finishing the run',
      hint = 'Nothing is lost: the next run completes the work.'
    from sync_runs d left join lateral (
      select coalesce(sum(x.added), 0) as added, coalesce(sum(x.changed), 0) as changed
      from sync_batches x where x.run_id = d.id) b on true
    where r.id = d.id and d.table_name = 'images' and d.bucket = p_bucket and d.status = 'running'
    returning r.id
  ), cleared as (
    delete from sync_batches x using dead where x.run_id = dead.id
  )
  select coalesce(array_agg(dead.id order by dead.id), '{}') into interrupted from dead;

  insert into sync_runs (table_name, bucket, prefix, mode, holder)
    values ('images', p_bucket, p_prefix, p_mode, p_holder)
    returning sync_runs.id, sync_runs.started_at into run_id, started_at;
  update sync_leases l set
      run_id = s3sync_begin_run.run_id, holder = p_holder, request = p_request,
      interrupted = s3sync_begin_run.interrupted, taken_at = clock_timestamp(),
      expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
    where l.table_name = 'images' and l.bucket = p_bucket;
end $$;

-- False when another run has taken over, or this one has ended. p_details is how far
-- each phase is.
create or replace function s3sync_renew(
  p_run_id bigint, p_lease_seconds integer, p_total bigint, p_added bigint, p_changed bigint,
  p_gone bigint, p_rejected bigint, p_list_requests bigint, p_cost_usd double precision,
  p_details jsonb default null) returns boolean
  language plpgsql set search_path = public, pg_temp
as $$
begin
  update sync_leases set expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
    where run_id = p_run_id;
  if not found then return false; end if;
  update sync_runs set heartbeat_at = clock_timestamp(), total = p_total, added = p_added, changed = p_changed,
      gone = p_gone, rejected = p_rejected, list_requests = p_list_requests, cost_usd = p_cost_usd,
      details = coalesce(p_details, details)
    where id = p_run_id and status = 'running';
  return true;
end $$;

-- Whether all of the batches p_first[i] to p_last[i], once committed, still are.
create or replace function s3sync_check_batches(p_run_id bigint, p_first integer[], p_last integer[]) returns void
  language plpgsql set search_path = public, pg_temp
as $$
declare
  v_lost bigint;
begin
  select coalesce(sum(n.last - n.first + 1 - (select count(*) from sync_batches b
      where b.run_id = p_run_id and b.batch between n.first and n.last)), 0)
    into v_lost from unnest(p_first, p_last) as n(first, last);
  if v_lost > 0 then
    raise exception using errcode = 'S3S05',
      message = format('%s batches that had been committed are gone', v_lost);
  end if;
end $$;

-- The final state; added and changed come from the batches themselves. p_lanes, of a
-- run that succeeded, is what s3sync_lanes returns from then on. A repeated call (the
-- answer was lost) changes nothing and answers the same.
--
-- The run knows of the batches p_first[i] to p_last[i] that they were committed. A crash of
-- the server, or a standby that takes over, may have undone some since: such a run cannot
-- end succeeded.
create or replace function s3sync_finish_run(
  p_run_id bigint, p_status text, p_total bigint, p_gone bigint, p_rejected bigint, p_list_requests bigint,
  p_cost_usd double precision, p_error text, p_hint text, p_details jsonb, p_lanes jsonb default null,
  p_first integer[] default '{}', p_last integer[] default '{}',
  out added bigint, out changed bigint)
  language plpgsql set search_path = public, pg_temp
as $$
begin
  perform s3sync_to_disk();
  -- Waits for batches that are being written just now, and keeps later ones out.
  perform from sync_leases l where l.run_id = p_run_id for update;
  if not found then
    select r.added, r.changed into added, changed from sync_runs r
      where r.id = p_run_id and r.status = p_status;
    if not found then
      raise exception using errcode = 'S3S01', message = 'another run has taken over the lease';
    end if;
    return;
  end if;
  if p_status = 'succeeded' then
    perform s3sync_check_batches(p_run_id, p_first, p_last);
  end if;
  select coalesce(sum(b.added), 0), coalesce(sum(b.changed), 0) into added, changed
    from sync_batches b where b.run_id = p_run_id;
  update sync_runs r set
      status = p_status, finished_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
      duration_seconds = extract(epoch from clock_timestamp() - r.started_at),
      total = greatest(p_total, s3sync_finish_run.added), added = s3sync_finish_run.added,
      changed = s3sync_finish_run.changed, gone = p_gone, rejected = p_rejected,
      list_requests = p_list_requests, cost_usd = p_cost_usd,
      error = nullif(p_error, ''), hint = nullif(p_hint, ''), details = p_details
    where r.id = p_run_id;
  if p_lanes is not null and p_status = 'succeeded' then
    insert into sync_lanes as l
        (table_name, bucket, prefix, fingerprint, full_at, depth, lanes, watermarks, why_full)
      select 'images', r.bucket, r.prefix, n.fingerprint, n.full_at, n.depth, n.prefixes, n.watermarks, n.why_full
      from sync_runs r, jsonb_to_record(p_lanes) as n(fingerprint text, full_at timestamptz, depth integer,
        prefixes text[], watermarks text[], why_full text)
      where r.id = p_run_id
      on conflict (table_name, bucket, prefix) do update set
        fingerprint = excluded.fingerprint, full_at = excluded.full_at, depth = excluded.depth,
        lanes = excluded.lanes, watermarks = excluded.watermarks, why_full = excluded.why_full;
  end if;
  delete from sync_batches b where b.run_id = p_run_id;
  update sync_leases l set run_id = 0, request = '', interrupted = '{}', expires_at = '-infinity'
    where l.run_id = p_run_id;
end $$;

-- What the last run that succeeded has kept of a bucket's lanes; null where there is
-- nothing, and where the table has been emptied since.
create or replace function s3sync_lanes(p_bucket text, p_prefix text) returns jsonb
  language sql stable set search_path = public, pg_temp
as $$
  select (select jsonb_build_object('fingerprint', l.fingerprint, 'full_at', l.full_at, 'depth', l.depth,
      'prefixes', to_jsonb(l.lanes), 'watermarks', to_jsonb(l.watermarks), 'why_full', l.why_full)
    from sync_lanes l where l.table_name = 'images' and l.bucket = p_bucket and l.prefix = p_prefix
      and (exists (select from images) or exists (select from images_archive)))
$$;

-- The first step of every write of a run: keeps the lease from being taken over until the
-- transaction ends, and changes of objects that have no row waiting until it is known
-- whether this write inserts one.
create or replace function s3sync_hold_lease(p_run_id bigint) returns void
  language plpgsql set search_path = public, pg_temp
as $$
begin
  perform from sync_leases where run_id = p_run_id and p_run_id <> 0 for key share;
  if not found then
    raise exception using errcode = 'S3S01', message = 'another run has taken over the lease';
  end if;
  perform pg_advisory_xact_lock_shared(hashtext('s3sync-tui changes'), hashtext('images'));
  -- Should our caller's machine vanish meanwhile, all of that is free within a minute.
  perform set_config('tcp_keepalives_idle', '30', true), set_config('tcp_keepalives_interval', '10', true),
    set_config('tcp_keepalives_count', '3', true);
end $$;

-- The second: what the batch did if it was written before (the answer was lost),
-- else null. Waits for a lost call of the same batch that is still at work.
create or replace function s3sync_claim_batch(p_run_id bigint, p_batch integer) returns sync_batches
  language plpgsql set search_path = public, pg_temp
as $$
declare
  v_done sync_batches;
begin
  -- Nobody waits for the disk after each batch. What a crash of the server undoes is
  -- inserted by the next run: this one cannot end succeeded, for finish_run misses the
  -- batch, and its own commit waits for the disk, which gets commits in their order.
  perform set_config('synchronous_commit', 'off', true);
  insert into sync_batches (run_id, batch) values (p_run_id, p_batch) on conflict do nothing;
  if not found then
    select * into v_done from sync_batches where run_id = p_run_id and batch = p_batch;
  end if;
  return v_done;
end $$;

-- A batch that was written in parts, as batches of their own: none of them may be undone
-- without this one.
create or replace function s3sync_join_batches(p_run_id bigint, p_batch integer, p_parts integer[]) returns void
  language plpgsql set search_path = public, pg_temp
as $$
begin
  perform s3sync_hold_lease(p_run_id);
  perform s3sync_check_batches(p_run_id, p_parts, p_parts);
  perform s3sync_claim_batch(p_run_id, p_batch);
end $$;

-- Whether changes of any of these objects have been applied since the run began. What it
-- knows of them from its listing may be older than that, and is not written.
create or replace function s3sync_overtaken(p_run_id bigint, p_filenames text[]) returns boolean
  language plpgsql set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_since timestamptz;
begin
  select r.started_at into v_since from sync_runs r where r.id = p_run_id and exists (
    select from sync_changes c where c.table_name = 'images' and c.applied_at > r.started_at);
  -- Each by its key: made for an empty table, the plan would go through all by time.
  return v_since is not null and exists (select from unnest(p_filenames) as n(filename) where v_since <
    (select c.applied_at from sync_changes c where c.table_name = 'images' and c.filename = n.filename));
end $$;

-- And the rows of a batch without those.
create or replace function s3sync_not_overtaken(
  p_run_id bigint, p_filenames text[], p_sizes bigint[], p_etags text[], p_modified timestamptz[],
  out filenames text[], out sizes bigint[], out etags text[], out modified timestamptz[])
  language sql stable set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
  select coalesce(array_agg(n.filename), '{}'), coalesce(array_agg(n.size_bytes), '{}'),
    coalesce(array_agg(n.etag), '{}'), coalesce(array_agg(n.last_modified), '{}')
  from unnest(p_filenames, p_sizes, p_etags, p_modified) as n(filename, size_bytes, etag, last_modified)
  where coalesce((select c.applied_at from sync_changes c where c.table_name = 'images' and c.filename = n.filename)
    <= (select started_at from sync_runs where id = p_run_id), true)
$$;

-- Around a COPY of rows that the catalog was seen to lack, in one transaction. First:
-- what the batch added if it was written before, else null; and whether COPY may be used.
-- Not where archived rows lie between p_first[i] and p_last[i], or objects that have changed
-- since the run began, nor where rules or triggers of yours have a say in what is inserted:
-- then s3sync_insert looks at each row.
create or replace function s3sync_begin_load(
  p_run_id bigint, p_batch integer, p_first text[], p_last text[], out added integer, out may_copy boolean)
  language plpgsql set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_table oid := 'images'::regclass;
  v_since timestamptz;
begin
  perform s3sync_hold_lease(p_run_id);
  added := (s3sync_claim_batch(p_run_id, p_batch)).added;
  may_copy := not exists (select from pg_class where oid = v_table and relhasrules)
    and not exists (select from pg_trigger where tgrelid = v_table and not tgisinternal
      and tgtype & 7 = 7) -- before insert, for each row
    and not exists (select from unnest(p_first, p_last) as n(first, last), lateral (
      select from images_archive a where a.filename >= n.first and a.filename <= n.last limit 1) archived);
  if may_copy then
    select r.started_at into v_since from sync_runs r where r.id = p_run_id and exists (
      select from sync_changes c where c.table_name = 'images' and c.applied_at > r.started_at);
    may_copy := v_since is null or not exists (select from unnest(p_first, p_last) as n(first, last), lateral (
      select from sync_changes c where c.table_name = 'images' and c.filename >= n.first and c.filename <= n.last
        and c.applied_at + '0' > v_since limit 1) overtaken); -- so that it goes by the key
  end if;
end $$;

-- And then: what was loaded, by the hours of last_modified.
create or replace function s3sync_end_load(
  p_run_id bigint, p_batch integer, p_added integer, p_hours timestamptz[], p_objects bigint[], p_bytes bigint[])
  returns void
  language plpgsql set search_path = public, pg_temp
as $$
begin
  insert into images_counts as c (hour, shard, objects, bytes)
    select date_trunc('hour', n.hour, 'UTC'), pg_backend_pid() % 16, sum(n.objects), sum(n.bytes)
    from unnest(p_hours, p_objects, p_bytes) as n(hour, objects, bytes) group by 1 order by 1
    on conflict (hour, shard) do update
      set objects = c.objects + excluded.objects, bytes = c.bytes + excluded.bytes;
  update sync_batches set added = p_added where run_id = p_run_id and batch = p_batch;
end $$;

-- The planner's settings, here and below: plans are made when the table is empty
-- and kept while it grows, so they must be those for a large one. p_fresh says that the
-- catalog was seen to lack all of the rows: they are inserted without a look at each,
-- which is twice as fast, unless one turns out to be there.
create or replace function s3sync_insert(
  p_run_id bigint, p_batch integer,
  p_filenames text[], p_sizes bigint[], p_etags text[], p_modified timestamptz[],
  p_fresh boolean default false) returns integer
  language plpgsql set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_done sync_batches;
  v_added integer;
  v_attempts_left integer := 10;
  v_fresh boolean := p_fresh and not exists (select from images_archive a,
    (select min(f collate "C") as first, max(f collate "C") as last from unnest(p_filenames) f) n
    where a.filename >= n.first and a.filename <= n.last);
begin
  perform s3sync_hold_lease(p_run_id);
  v_done := s3sync_claim_batch(p_run_id, p_batch);
  if v_done.batch is not null then return v_done.added; end if;
  if s3sync_overtaken(p_run_id, p_filenames) then
    select n.* into p_filenames, p_sizes, p_etags, p_modified
      from s3sync_not_overtaken(p_run_id, p_filenames, p_sizes, p_etags, p_modified) n;
  end if;

  loop
    begin
      if v_fresh then
        with fresh as (
          insert into images (filename, size_bytes, etag, last_modified)
          select n.* from unnest(p_filenames, p_sizes, p_etags, p_modified) as n(filename)
          order by n.filename collate "C" -- one order for all writers: no deadlocks
          returning size_bytes, coalesce(last_modified, created_at, 'epoch') as arrived
        ), counted as (
          insert into images_counts as c (hour, shard, objects, bytes)
          select date_trunc('hour', arrived, 'UTC'), pg_backend_pid() % 16, count(*), coalesce(sum(size_bytes), 0)
          from fresh group by 1 order by 1
          on conflict (hour, shard) do update
            set objects = c.objects + excluded.objects, bytes = c.bytes + excluded.bytes
        )
        select count(*) into v_added from fresh;
        exit;
      end if;
      with fresh as (
        insert into images (filename, size_bytes, etag, last_modified)
        select distinct on (n.filename collate "C") n.filename, n.size_bytes, n.etag, n.last_modified
        from unnest(p_filenames, p_sizes, p_etags, p_modified) as n(filename, size_bytes, etag, last_modified)
        where not exists (select from images i where i.filename = n.filename)
          and not exists (select from images_archive a where a.filename = n.filename)
        order by n.filename collate "C"
        returning size_bytes, coalesce(last_modified, created_at, 'epoch') as arrived
      ), counted as (
        insert into images_counts as c (hour, shard, objects, bytes)
        select date_trunc('hour', arrived, 'UTC'), pg_backend_pid() % 16, count(*), coalesce(sum(size_bytes), 0)
        from fresh group by 1 order by 1
        on conflict (hour, shard) do update
          set objects = c.objects + excluded.objects, bytes = c.bytes + excluded.bytes
      )
      select count(*) into v_added from fresh;
      exit;
    exception when unique_violation then
      -- Someone else inserted one of the rows after we looked: look again. (ON
      -- CONFLICT DO NOTHING for every row costs a third of the speed.)
      v_fresh := false;
      v_attempts_left := v_attempts_left - 1;
      if v_attempts_left = 0 then raise; end if;
    end;
  end loop;

  update sync_batches set added = v_added where run_id = p_run_id and batch = p_batch;
  return v_added;
end $$;

-- The same with each column as one text, a line for each row: of JSON, PostgREST and
-- Postgres read four long texts in half the time that thousands of short ones take.
create or replace function s3sync_insert_lines(
  p_run_id bigint, p_batch integer,
  p_filenames text, p_sizes text, p_etags text, p_modified text, p_fresh boolean default false) returns integer
  language plpgsql set search_path = public, pg_temp
as $$
begin
  return s3sync_insert(p_run_id, p_batch, string_to_array(p_filenames, E'\n'),
    string_to_array(p_sizes, E'\n')::bigint[], string_to_array(p_etags, E'\n'),
    string_to_array(p_modified, E'\n')::timestamptz[], p_fresh);
end $$;

-- What s3sync_update and s3sync_apply_changes share, once they have locked the rows: updates the
-- rows that differ or are marked missing, archived ones, too; returns how many. Counts them, and
-- in the same go, for the order of locks, what else was inserted: p_objects of p_bytes in p_hours.
create or replace function s3sync_overwrite(
  p_filenames text[], p_sizes bigint[], p_etags text[], p_modified timestamptz[],
  p_hours timestamptz[] default '{}', p_objects bigint[] default '{}', p_bytes bigint[] default '{}') returns integer
  language plpgsql set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_changed integer;
begin
  with n as (
    select distinct on (filename collate "C") *
    from unnest(p_filenames, p_sizes, p_etags, p_modified) as n(filename, size_bytes, etag, last_modified)
    order by filename collate "C"
  ), old as (
    select n.*, i.size_bytes as old_size, coalesce(i.last_modified, i.created_at, 'epoch') as old_arrived
    from n join images i on i.filename = n.filename
    where i.etag is distinct from n.etag or i.size_bytes is distinct from n.size_bytes or i.missing_since is not null
    order by n.filename collate "C" for no key update of i
  ), new as (
    update images i set etag = o.etag, size_bytes = o.size_bytes, last_modified = o.last_modified, missing_since = null
    from old o where i.filename = o.filename
    returning i.size_bytes, coalesce(i.last_modified, i.created_at, 'epoch') as arrived
  ), old_archived as (
    select n.*, a.size_bytes as old_size, coalesce(a.last_modified, a.created_at, 'epoch') as old_arrived
    from n join images_archive a on a.filename = n.filename
    where (a.etag is distinct from n.etag or a.size_bytes is distinct from n.size_bytes)
      and not exists (select from images i where i.filename = n.filename)
    order by n.filename collate "C" for no key update of a
  ), new_archived as (
    update images_archive a set etag = o.etag, size_bytes = o.size_bytes, last_modified = o.last_modified
    from old_archived o where a.filename = o.filename
    returning a.size_bytes, coalesce(a.last_modified, a.created_at, 'epoch') as arrived
  ), moves as (
    select arrived, 1 as objects, size_bytes from new
    union all select arrived, 1, size_bytes from new_archived
    union all select old_arrived, -1, -old_size from old
    union all select old_arrived, -1, -old_size from old_archived
    union all select * from unnest(p_hours, p_objects, p_bytes)
  ), counted as (
    insert into images_counts as c (hour, shard, objects, bytes)
    select date_trunc('hour', arrived, 'UTC'), pg_backend_pid() % 16, sum(objects), coalesce(sum(size_bytes), 0)
    from moves group by 1 order by 1
    on conflict (hour, shard) do update
      set objects = c.objects + excluded.objects, bytes = c.bytes + excluded.bytes
  )
  select (select count(*) from new) + (select count(*) from new_archived) into v_changed;
  return v_changed;
end $$;

create or replace function s3sync_update(
  p_run_id bigint, p_batch integer,
  p_filenames text[], p_sizes bigint[], p_etags text[], p_modified timestamptz[]) returns integer
  language plpgsql set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_done sync_batches;
  v_changed integer;
begin
  perform s3sync_hold_lease(p_run_id);
  v_done := s3sync_claim_batch(p_run_id, p_batch);
  if v_done.batch is not null then return v_done.changed; end if;

  -- Changes of these rows that are applied are seen once we have locked them, and all others
  -- wait for us. Done again instead, in a subtransaction, we would keep those waiting who had
  -- waited for its locks: Postgres has them wait for all of the transaction.
  perform s3sync_lock_rows(p_filenames);
  perform from unnest(p_filenames) as n(filename) join images_archive a on a.filename = n.filename
    order by n.filename collate "C" for no key update of a;
  if s3sync_overtaken(p_run_id, p_filenames) then
    select n.* into p_filenames, p_sizes, p_etags, p_modified
      from s3sync_not_overtaken(p_run_id, p_filenames, p_sizes, p_etags, p_modified) n;
  end if;
  v_changed := s3sync_overwrite(p_filenames, p_sizes, p_etags, p_modified);

  update sync_batches set changed = v_changed where run_id = p_run_id and batch = p_batch;
  return v_changed;
end $$;

-- Does to the rows what happened to their objects, at most one change for each: created, or
-- removed. p_modified says when, and p_sequencers orders the changes of one object; what is
-- not newer than what was applied before is stale. Doubtful, by positions from 0, is where
-- nobody can tell: sequencers of different lengths, or nothing is known of the object and it
-- happened so long ago, or by a clock so wrong, that it may have been forgotten. Then
-- p_looked_after says that the changes are what the bucket itself has said after that time
-- (what "at" was then): they are applied unless others have been since.
create or replace function s3sync_apply_changes(
  p_filenames text[], p_kinds text[], p_sequencers text[], p_modified timestamptz[], p_etags text[], p_sizes bigint[],
  p_looked_after timestamptz default null,
  out added integer, out changed integer, out gone integer, out stale integer, out doubtful integer[],
  out at timestamptz)
  language plpgsql set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off
  set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v record;
  v_kept text;
  v_filenames text[] := '{}';
  v_sizes bigint[] := '{}';
  v_etags text[] := '{}';
  v_modified timestamptz[] := '{}';
  v_removed text[] := '{}';
  v_hours timestamptz[];
  v_objects bigint[];
  v_bytes bigint[];
  v_attempts_left integer := 10;
begin
  perform s3sync_to_disk();
  -- All that we are told has happened by now: a listing or a look that begins later knows it.
  at := clock_timestamp();
  added := 0; changed := 0; gone := 0; stale := 0; doubtful := '{}';

  -- One order for all writers: no deadlocks. As batches do, we wait while the schema is
  -- applied, and while counts are made anew.
  lock table sync_leases in row share mode;
  -- What is removed and has no row may be on its way into the table with a run's batch: such
  -- batches are waited for, and later ones see what we know. All else has a row to wait at.
  if exists (select from unnest(p_filenames, p_kinds) as n(filename, kind) where n.kind = 'removed'
      and not exists (select from images i where i.filename = n.filename)) then
    perform pg_advisory_xact_lock(hashtext('s3sync-tui changes'), hashtext('images'));
  end if;
  lock table images, images_archive, images_counts in row exclusive mode;

  for v in select * from unnest(p_filenames, p_kinds, p_sequencers, p_modified, p_etags, p_sizes) with ordinality
      as n(filename, kind, sequencer, happened_at, etag, size_bytes, position) order by n.filename collate "C" loop
    if coalesce(p_looked_after, v.happened_at)
        between at - interval '45 minutes' and at + interval '15 minutes' then
      insert into sync_changes as c (table_name, filename, sequencer, applied_at)
        values ('images', v.filename, case when p_looked_after is null then v.sequencer else '' end, at)
        on conflict (table_name, filename) do update set sequencer = excluded.sequencer, applied_at = excluded.applied_at
        where case when p_looked_after is null
          then length(c.sequencer) = length(v.sequencer) and c.sequencer < v.sequencer
          else c.applied_at < p_looked_after end;
    else
      update sync_changes c set applied_at = at,
          sequencer = case when p_looked_after is null then v.sequencer else '' end
        where c.table_name = 'images' and c.filename = v.filename and case when p_looked_after is null
          then length(c.sequencer) = length(v.sequencer) and c.sequencer < v.sequencer
          else c.applied_at < p_looked_after end;
    end if;
    if not found then
      select c.sequencer into v_kept from sync_changes c where c.table_name = 'images' and c.filename = v.filename;
      if p_looked_after is null and v.sequencer <> '' and length(v_kept) = length(v.sequencer)
          and v.sequencer <= v_kept collate "C" then
        stale := stale + 1;
      else
        doubtful := doubtful || (v.position - 1)::integer;
      end if;
    elsif v.kind = 'removed' then
      v_removed := v_removed || v.filename;
    else
      v_filenames := v_filenames || v.filename;
      v_sizes := v_sizes || v.size_bytes;
      v_etags := v_etags || v.etag;
      v_modified := v_modified || v.happened_at;
    end if;
  end loop;
  doubtful := array(select position from unnest(doubtful) position order by 1);

  loop
    begin
      -- Also rows that are right already: a run may be about to change them.
      perform s3sync_lock_rows(v_filenames || v_removed);
      perform from unnest(v_filenames) as n(filename) join images_archive a on a.filename = n.filename
        order by n.filename collate "C" for no key update of a;
      update images i set missing_since = clock_timestamp() from unnest(v_removed) as n(filename)
        where i.filename = n.filename and i.missing_since is null;
      get diagnostics gone = row_count;
      exit when v_filenames = '{}';
      with fresh as (
        insert into images (filename, size_bytes, etag, last_modified)
        select n.* from unnest(v_filenames, v_sizes, v_etags, v_modified) as n(filename)
        where not exists (select from images i where i.filename = n.filename)
          and not exists (select from images_archive a where a.filename = n.filename)
        order by n.filename collate "C"
        returning size_bytes, coalesce(last_modified, created_at, 'epoch') as arrived
      ), hourly as (
        select date_trunc('hour', arrived, 'UTC') as hour, count(*) as n, coalesce(sum(size_bytes), 0) as b
        from fresh group by 1
      )
      select coalesce(sum(n), 0), coalesce(array_agg(hour), '{}'), coalesce(array_agg(n), '{}'),
          coalesce(array_agg(b), '{}')
        into added, v_hours, v_objects, v_bytes from hourly;
      changed := s3sync_overwrite(v_filenames, v_sizes, v_etags, v_modified, v_hours, v_objects, v_bytes);
      exit;
    exception when unique_violation then
      -- Someone else inserted one of the rows after we looked: look again.
      v_attempts_left := v_attempts_left - 1;
      if v_attempts_left = 0 then raise; end if;
    end;
  end loop;

  -- Forgets, but not what a run under way must know; not all at once.
  delete from sync_changes where ctid = any(array(select c.ctid from sync_changes c
    where c.table_name = 'images' and c.applied_at < greatest(at - interval '1 day', least(at - interval '1 hour',
      (select min(r.started_at) from sync_leases l join sync_runs r on r.id = l.run_id where l.table_name = 'images')))
    order by c.applied_at limit 1000 + 2 * cardinality(p_filenames) for update skip locked));
end $$;

-- One digest for each key range (p_after[i], p_up_to[i]]: SHA-256 over the number of
-- its rows (8 bytes), their filenames in key order, their etags with U+0001 between,
-- each size (8 bytes) and each filename's length in bytes (4 bytes). So each column is
-- gathered by itself, at half the cost of a line for each row. Rows marked missing
-- count as rows, but are left out of the digest. The planner's settings keep it to
-- index-only scans; only where archived rows must be merged in, or marked ones left
-- out, is more than one index read.
create or replace function s3sync_range_digests(
  p_after text[], p_up_to text[], out row_counts bigint[], out digests text[])
  language plpgsql stable set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
  set max_parallel_workers_per_gather = 0 set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_after text;
  v_up_to text;
  v_marked bigint;
  v_rows bigint;
  v_texts text;
  v_sizes bytea;
  v_lengths bytea;
begin
  row_counts := '{}';
  digests := '{}';
  for i in 1 .. coalesce(array_length(p_after, 1), 0) loop
    v_after := p_after[i];
    v_up_to := p_up_to[i];
    v_marked := 0;
    if exists (select from images where missing_since is not null
          and filename > v_after collate "C" and filename <= v_up_to collate "C")
        or exists (select from images_archive
          where filename > v_after collate "C" and filename <= v_up_to collate "C") then
      select count(*) into v_marked from images where missing_since is not null
        and filename > v_after collate "C" and filename <= v_up_to collate "C";
      select count(*), string_agg(r.filename, '') || string_agg(coalesce(r.etag, ''), E'\x01'),
          string_agg(int8send(coalesce(r.size_bytes, -1)), ''), string_agg(int4send(octet_length(r.filename)), '')
        into v_rows, v_texts, v_sizes, v_lengths
        from (select s.filename, s.etag, s.size_bytes
              from (select filename, etag, size_bytes from images
                      where filename > v_after collate "C" and filename <= v_up_to collate "C"
                        and missing_since is null
                    union all select filename, etag, size_bytes from images_archive
                      where filename > v_after collate "C" and filename <= v_up_to collate "C") s
              order by s.filename) r;
    else
      select count(*), string_agg(r.filename, '') || string_agg(coalesce(r.etag, ''), E'\x01'),
          string_agg(int8send(coalesce(r.size_bytes, -1)), ''), string_agg(int4send(octet_length(r.filename)), '')
        into v_rows, v_texts, v_sizes, v_lengths
        from (select filename, etag, size_bytes from images
              where filename > v_after collate "C" and filename <= v_up_to collate "C"
              order by filename) r;
    end if;
    row_counts := row_counts || (v_rows + v_marked);
    digests := digests || encode(sha256(int8send(v_rows) || convert_to(coalesce(v_texts, ''), 'UTF8')
      || coalesce(v_sizes, '') || coalesce(v_lengths, '')), 'hex');
  end loop;
end $$;

-- The drill-down: how the objects of one page, and the other keys that exist in
-- its key range, differ from the rows in that range. Positions count from 0. Read
-- from the indexes alone, but for the rows that may be gone.
create or replace function s3sync_compare(
  p_after text, p_up_to text, p_filenames text[], p_sizes bigint[], p_etags text[], p_others text[],
  p_started_at timestamptz, p_sample integer,
  out missing integer[], out changed integer[], out gone bigint, out gone_sample text[])
  language plpgsql stable set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off
  set max_parallel_workers_per_gather = 0 set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  with listed as (
    select * from unnest(p_filenames, p_sizes, p_etags) with ordinality as n(filename, size_bytes, etag, position)
    union all select o, null, null, null from unnest(p_others) o
  ), marked as (
    select filename from images where missing_since is not null
      and filename > p_after collate "C" and filename <= p_up_to collate "C"
  ), stored as (
    select filename, size_bytes, etag, false as archived from images
      where filename > p_after collate "C" and filename <= p_up_to collate "C"
    union all
    select a.filename, a.size_bytes, a.etag, true from images_archive a
      where a.filename > p_after collate "C" and a.filename <= p_up_to collate "C"
        and not exists (select from images i where i.filename = a.filename)
  ), joined as (
    select n.position, n.filename as there, s.filename as here, s.archived,
      s.etag is distinct from n.etag or s.size_bytes is distinct from n.size_bytes as differs
    from listed n full join stored s on s.filename = n.filename
  ), lost as (
    select i.filename from joined j join images i on i.filename = j.here
    where j.there is null and not j.archived and i.missing_since is null
      and (i.created_at is null or i.created_at < p_started_at)
  )
  select
    (select coalesce(array_agg(position - 1 order by position), '{}') from joined
      where here is null and position is not null),
    (select coalesce(array_agg(position - 1 order by position), '{}') from joined
      where here is not null and position is not null
        and (differs or there in (select filename from marked))),
    (select count(*) from lost),
    (select coalesce(array_agg(filename), '{}') from (select filename from lost order by filename limit p_sample) s)
  into missing, changed, gone, gone_sample;
end $$;

-- Marks the rows of a key range whose keys are not among p_present; returns how
-- many this run has marked there, so that a repeated call answers the same.
create or replace function s3sync_mark_gone(
  p_run_id bigint, p_after text, p_up_to text, p_present text[], p_started_at timestamptz) returns bigint
  language plpgsql set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off
  set enable_mergejoin = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_known text[];
  v_gone text[];
begin
  perform s3sync_to_disk();
  perform s3sync_hold_lease(p_run_id);
  v_gone := array(select i.filename from images i
    where i.filename > p_after collate "C" and i.filename <= p_up_to collate "C"
      and i.missing_since is null and (i.created_at is null or i.created_at < p_started_at)
      and not exists (select from unnest(p_present) p(filename) where p.filename = i.filename));
  perform s3sync_lock_rows(v_gone);
  -- What has changed since the run began, also while we waited for its row, is none of its
  -- business.
  v_known := p_present || array(select c.filename from sync_changes c where c.table_name = 'images'
    and c.filename > p_after collate "C" and c.filename <= p_up_to collate "C" and c.applied_at + '0' > p_started_at);
  update images i set missing_since = clock_timestamp()
    where i.filename > p_after collate "C" and i.filename <= p_up_to collate "C" and i.missing_since is null
      and exists (select from unnest(v_gone) g(filename) where g.filename = i.filename)
      and not exists (select from unnest(v_known) p(filename) where p.filename = i.filename);
  return (select count(*) from images i
    where i.filename > p_after collate "C" and i.filename <= p_up_to collate "C"
      and i.missing_since >= p_started_at
      and not exists (select from unnest(v_known) p(filename) where p.filename = i.filename));
end $$;

-- Keys that cut a range into p_parts parts of about equal rows: Postgres keeps a
-- histogram of the column anyway. Fewer parts where its bounds are too few.
create or replace function s3sync_split_points(p_after text, p_up_to text, p_parts integer) returns text[]
  language sql stable set search_path = public, pg_temp
as $$
  with bounds as (
    select b, row_number() over (order by b collate "C") as place, count(*) over () as n
    from pg_stats s, unnest(s.histogram_bounds::text::text[]) b
    where s.schemaname = 'public' and s.tablename = 'images' and s.attname = 'filename' and not s.inherited
      and b > p_after collate "C" and b < p_up_to collate "C"
  )
  select coalesce(array_agg(b order by place), '{}') from bounds
    where place * p_parts / (n + 1) <> (place - 1) * p_parts / (n + 1)
$$;

-- 4. Insight: what screens and health checks show ------------------------------

-- The newest runs, newest first (before run p_before, where one is given), and
-- what all runs of the last 30 days have asked of S3. One row, whatever the number.
create or replace function s3sync_history(p_limit integer default 50, p_before bigint default null) returns jsonb
  language sql stable set search_path = public, pg_temp
as $$
  select jsonb_build_object(
    'at', clock_timestamp(),
    'runs', (select coalesce(jsonb_agg(to_jsonb(r) order by r.id desc), '[]')
      from (select * from sync_runs where table_name = 'images' and (p_before is null or id < p_before)
        order by id desc limit least(p_limit, 1000)) r),
    'full', (select to_jsonb(r) from (select * from sync_runs
        where table_name = 'images' and mode = 'full' and status = 'succeeded' order by id desc limit 1) r),
    'month', (select jsonb_build_object('runs', count(*), 'list_requests', coalesce(sum(list_requests), 0),
        'cost_usd', coalesce(sum(cost_usd), 0))
      from sync_runs where table_name = 'images' and started_at > clock_timestamp() - interval '30 days'))
$$;

-- Arrivals by hour for the last p_hours, and by day (UTC) for all time, from the
-- kept counts; sizes from the files' lengths. Nothing is counted here, so it takes
-- as long at a hundred million rows as at none. Rows without a time (hour 1970) are
-- in the totals alone. Null is what this database does not tell.
create or replace function s3sync_growth(
  p_hours integer default 2400,
  out at timestamptz, out synced_at timestamptz, out newest_at timestamptz,
  out objects_total bigint, out bytes_total bigint,
  out rows_bytes bigint, out ours_bytes bigint, out database_bytes bigint,
  out hours timestamptz[], out hour_objects bigint[], out hour_bytes bigint[],
  out days timestamptz[], out day_objects bigint[], out day_bytes bigint[])
  language plpgsql stable set search_path = public, pg_temp
as $$
begin
  at := clock_timestamp();
  select max(started_at) into synced_at from sync_runs where table_name = 'images' and status = 'succeeded';
  with hourly as materialized (
    select c.hour, sum(c.objects)::bigint as n, sum(c.bytes)::bigint as b from images_counts c group by c.hour
  ), recent as (
    select * from hourly h where h.hour > at - make_interval(hours => p_hours) and h.n <> 0
  ), daily as (
    select date_trunc('day', h.hour, 'UTC') as day, sum(h.n)::bigint as n, sum(h.b)::bigint as b
    from hourly h where h.hour > 'epoch' group by 1 having sum(h.n) <> 0
  )
  select total.n, total.b, total.newest, r.hours, r.n, r.b, d.days, d.n, d.b
    into objects_total, bytes_total, newest_at, hours, hour_objects, hour_bytes, days, day_objects, day_bytes
    from (select coalesce(sum(h.n), 0) as n, coalesce(sum(h.b), 0) as b,
        max(h.hour) filter (where h.n > 0 and h.hour > 'epoch' and h.hour <= at) as newest from hourly h) total,
      (select coalesce(array_agg(h.hour order by h.hour), '{}') as hours, coalesce(array_agg(h.n order by h.hour), '{}') as n,
        coalesce(array_agg(h.b order by h.hour), '{}') as b from recent h) r,
      (select coalesce(array_agg(h.day order by h.day), '{}') as days, coalesce(array_agg(h.n order by h.day), '{}') as n,
        coalesce(array_agg(h.b order by h.day), '{}') as b from daily h) d;

  -- The counts know the newest image's hour; the rows that came last may know more.
  if exists (select from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
      where x.indrelid = 'images'::regclass and x.indisvalid and x.indpred is null and a.attname = 'id') then
    select greatest(newest_at, max(last_modified) filter (where last_modified <= at)) into newest_at
      from (select last_modified from images order by id desc limit 1000) latest;
  end if;

  select sum(pg_total_relation_size(c)) filter (where t in ('images', 'images_archive')),
      sum(pg_total_relation_size(c))
    into rows_bytes, ours_bytes
    from unnest(array['images', 'images_archive', 'images_counts', 'sync_runs', 'sync_leases', 'sync_batches',
      'sync_lanes', 'sync_changes']) t,
      to_regclass(format('public.%I', t)) c where c is not null;
  database_bytes := pg_database_size(current_database());
exception when insufficient_privilege then
  database_bytes := null;
end $$;

-- The raw facts that health checks judge, from Postgres's own catalogs: at work
-- also where tables, columns and indexes are gone. Null is what cannot be known.
create or replace function s3sync_health() returns jsonb
  language plpgsql stable set search_path = public, pg_temp
as $$
declare
  v_suffix text := replace(trim('s3sync_version', '"'), 's3sync' || '_version', '');
  v_table regclass := to_regclass(format('public.%I', 'images'));
  v_roles text[] := array(select rolname::text from pg_roles where rolname in ('anon', 'authenticated') order by 1);
  v_guarded boolean;
  v_facts jsonb;
  v_duplicates bigint;
  v_runs jsonb;
  v_newest jsonb;
begin
  v_facts := jsonb_build_object('at', clock_timestamp(), 'role', current_user, 'version', s3sync_version(),
    'problems', to_jsonb(s3sync_problems()), 'low_roles', to_jsonb(v_roles),
    'counters_since', (select stats_reset from pg_stat_database where datname = current_database()));

  v_facts := v_facts || jsonb_build_object('tables', (select jsonb_agg(jsonb_build_object(
      'name', t, 'exists', c.oid is not null, 'row_security', coalesce(c.relrowsecurity, false),
      'policies', (select coalesce(jsonb_agg(jsonb_build_object('name', p.policyname, 'roles', to_jsonb(p.roles))
          order by p.policyname), '[]')
        from pg_policies p where p.schemaname = 'public' and p.tablename = t
          and p.roles && (v_roles || array['public'])::name[]),
      'granted', (select coalesce(jsonb_agg(r order by r), '[]') from unnest(v_roles) r
        where has_any_column_privilege(r, c.oid, 'select, insert, update')
          or has_table_privilege(r, c.oid, 'delete, truncate'))) order by n)
    from unnest(array['images', 'images_archive', 'images_counts',
      'sync_schema', 'sync_runs', 'sync_leases', 'sync_batches', 'sync_lanes', 'sync_changes']) with ordinality u(t, n)
    left join pg_class c on c.oid = to_regclass(format('public.%I', t))));

  v_facts := v_facts || jsonb_build_object('open_functions', (select coalesce(jsonb_agg(
      format('public.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) order by p.proname), '[]')
    from pg_proc p where p.pronamespace = 'public'::regnamespace
      and p.proname ~ ('^s3sync_[a-z]+(_[a-z]+)*' || v_suffix || '$')
      and exists (select from unnest(v_roles) r where has_function_privilege(r, p.oid, 'execute'))));

  v_facts := v_facts || jsonb_build_object('columns', (select coalesce(jsonb_agg(jsonb_build_object(
      'table', t, 'bytewise', a.attcollation = 'pg_catalog."C"'::regcollation, 'not_null', a.attnotnull)
      order by t), '[]')
    from unnest(array['images', 'images_archive']) t
    join pg_attribute a on a.attrelid = to_regclass(format('public.%I', t)) and a.attname = 'filename'));

  v_facts := v_facts || jsonb_build_object('indexes', (select jsonb_agg(jsonb_build_object(
      'table', t, 'name', i, 'exists', x.indexrelid is not null, 'valid', coalesce(x.indisvalid and x.indisready, false),
      'unique', coalesce(x.indisunique, false), 'scans', s.idx_scan) order by i)
    from (values ('images', 'images_filename_s3sync_idx'), ('images_archive', 'images_archive_s3sync_idx'),
      ('images', 'images_missing_s3sync_idx')) needed(t, i)
    left join pg_index x on x.indexrelid = to_regclass(format('public.%I', i))
      and x.indrelid = to_regclass(format('public.%I', t))
    left join pg_stat_user_indexes s on s.indexrelid = x.indexrelid));

  v_facts := v_facts || jsonb_build_object('unique_indexes', (select coalesce(jsonb_agg(jsonb_build_object(
      'name', x.indexrelid::regclass::text, 'valid', x.indisvalid and x.indisready) order by x.indexrelid), '[]')
    from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
    where x.indrelid = v_table and x.indisunique and x.indpred is null and x.indnkeyatts = 1
      and a.attname = 'filename'));

  v_facts := v_facts || jsonb_build_object('upkeep', (select jsonb_build_object(
      'rows', greatest(c.reltuples, s.n_live_tup, 0)::bigint, 'analyzed', c.reltuples >= 0 and exists (
        select from pg_stats p where p.schemaname = 'public' and p.tablename = 'images'
          and p.attname = 'filename'),
      'dead_rows', s.n_dead_tup, 'pages', pg_relation_size(c.oid) / current_setting('block_size')::integer,
      'visible_pages', c.relallvisible,
      'vacuumed_at', greatest(s.last_vacuum, s.last_autovacuum),
      'analyzed_at', greatest(s.last_analyze, s.last_autoanalyze))
    from pg_class c left join pg_stat_user_tables s on s.relid = c.oid where c.oid = v_table));

  -- Columns that count up, and how far: ON CONFLICT and failed inserts use numbers up, too.
  v_facts := v_facts || jsonb_build_object('numbered', (select coalesce(jsonb_agg(jsonb_build_object(
      'column', a.attname, 'sequence', format('%I.%I', q.schemaname, q.sequencename), 'last',
      case when has_sequence_privilege(k.oid, 'usage, select') then coalesce(q.last_value, 0) end,
      'type', format_type(a.atttypid, null),
      'limit', least(q.max_value, case a.atttypid when 'int2'::regtype then 32767
        when 'int4'::regtype then 2147483647 else 9223372036854775807 end)) order by a.attnum), '[]')
    from pg_depend d join pg_class k on k.oid = d.objid and k.relkind = 'S'
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    join pg_sequences q on q.schemaname = k.relnamespace::regnamespace::text and q.sequencename = k.relname
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
      and d.refobjid = v_table and d.deptype in ('a', 'i')));

  -- Without an index to rely on, look for what it would have kept out, if that takes no age.
  v_guarded := exists (select from jsonb_array_elements(v_facts -> 'unique_indexes') u where (u ->> 'valid')::boolean);
  if not v_guarded and v_table is not null and (v_facts #>> '{upkeep,rows}')::bigint < 2000000 then
    begin
      select count(*) into v_duplicates
        from (select from images group by filename collate "C" having count(*) > 1) d;
    exception when undefined_column or undefined_table or insufficient_privilege then
      v_duplicates := null;
    end;
  end if;
  v_facts := v_facts || jsonb_build_object('duplicates', v_duplicates);

  begin
    select jsonb_build_object(
      'succeeded_at', max(coalesce(finished_at, heartbeat_at)) filter (where status = 'succeeded'),
      'succeeded', count(*) filter (where status = 'succeeded'),
      'listed_from', max(started_at) filter (where status = 'succeeded'),
      'starts', coalesce(jsonb_agg(started_at order by id desc), '[]'),
      'statuses', coalesce(jsonb_agg(status order by id desc), '[]'),
      'last_error', (array_agg(error order by id desc))[1],
      'last_hint', (array_agg(hint order by id desc))[1],
      'dead', coalesce(jsonb_agg(id order by id) filter (where status = 'running' and not exists (
        select from sync_leases l where l.run_id = r.id and l.expires_at > clock_timestamp())), '[]'))
      into v_runs
      from (select * from sync_runs where table_name = 'images' order by id desc limit 100) r;
  exception when undefined_column or undefined_table or insufficient_privilege then
    v_runs := null;
  end;

  begin
    if exists (select from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
        where x.indrelid = v_table and x.indisvalid and x.indpred is null and a.attname = 'id') then
      select to_jsonb(filename) into v_newest
        from (select filename, last_modified, missing_since from images order by id desc limit 1000) latest
        where missing_since is null order by last_modified desc nulls last limit 1;
    end if;
  exception when undefined_column or undefined_table or insufficient_privilege then
    v_newest := null;
  end;
  return v_facts || jsonb_build_object('runs', v_runs, 'newest_key', v_newest);
end $$;

-- Who has kept a statement of ours waiting for p_seconds, as far as can be told: of the sessions
-- that hold a lock on one of our tables for so long and wait for none, that with the strongest,
-- then that of the oldest transaction. All null where there is none; since is null where this
-- user may not know. Through the REST API that is so of everybody, our own other calls included:
-- they are of the role that has logged in, and in nobody's way for long.
create or replace function s3sync_holder(
  p_seconds double precision, out pid integer, out application text, out role text, out since timestamptz)
  language sql stable set search_path = public, pg_temp
as $$
  select a.pid, a.application_name, a.usename::text, coalesce(a.xact_start, a.query_start)
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
  join (values ('AccessExclusiveLock', 6), ('ExclusiveLock', 5), ('ShareRowExclusiveLock', 4), ('ShareLock', 3),
    ('RowExclusiveLock', 2), ('RowShareLock', 1)) m(mode, strength) on m.mode = l.mode
  where l.granted and l.locktype = 'relation' and a.datname = current_database()
    and l.relation in (select to_regclass(format('public.%I', t))::oid from unnest(array['images', 'images_archive',
      'images_counts', 'sync_runs', 'sync_leases', 'sync_batches', 'sync_lanes', 'sync_changes']) t)
    and coalesce(a.xact_start <= clock_timestamp() - make_interval(secs => p_seconds), a.usename <> session_user)
    and a.pid <> pg_backend_pid() and not exists (select from pg_locks w where w.pid = a.pid and not w.granted)
  order by m.strength desc, coalesce(a.xact_start, a.query_start) limit 1
$$;

-- The truth, counted: how far the kept counts are from it, and how many filenames
-- occur more than once. Reads all rows: minutes at a hundred million.
create or replace function s3sync_verify(
  out kept_objects bigint, out true_objects bigint, out wrong_hours bigint, out duplicates bigint)
  language plpgsql stable set search_path = public, pg_temp
as $$
begin
  select coalesce(sum(k.n), 0), coalesce(sum(t.n), 0),
      count(*) filter (where coalesce(k.n, 0) <> coalesce(t.n, 0) or coalesce(k.b, 0) <> coalesce(t.b, 0))
    into kept_objects, true_objects, wrong_hours
    from (select hour, sum(objects) n, sum(bytes) b from images_counts group by hour) k
    full join (
      select date_trunc('hour', coalesce(last_modified, created_at, 'epoch'), 'UTC') as hour,
        count(*) n, coalesce(sum(size_bytes), 0) b
      from (select last_modified, created_at, size_bytes from images
            union all select last_modified, created_at, size_bytes from images_archive) i
      group by 1) t on t.hour = k.hour;
  if exists (select from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
      where x.indrelid = 'images'::regclass and x.indisunique and x.indisvalid and x.indpred is null
        and x.indnkeyatts = 1 and a.attname = 'filename') then
    duplicates := 0;
  else
    select count(*) into duplicates
      from (select from images group by filename collate "C" having count(*) > 1) d;
  end if;
end $$;

-- Counts anew. Syncs wait meanwhile. Returns how many images there are.
create or replace function s3sync_recount() returns bigint
  language plpgsql set search_path = public, pg_temp
as $$
begin
  -- In the order in which batches lock them. Each statement below sees what is
  -- committed when it begins, and from here on nothing is.
  lock table images, images_archive, images_counts in share row exclusive mode;
  delete from images_counts;
  insert into images_counts
    select date_trunc('hour', coalesce(last_modified, created_at, 'epoch'), 'UTC'), 0,
      count(*), coalesce(sum(size_bytes), 0)
    from (select last_modified, created_at, size_bytes from images
          union all select last_modified, created_at, size_bytes from images_archive) i
    group by 1;
  return (select coalesce(sum(objects), 0) from images_counts);
end $$;

-- 5. Security: nobody but the owner and the service role ------------------------

do $$
declare
  v_role text;
  v_name text;
  v_owned text;
  v_tables text[] := array['images', 'images_archive', 'images_counts',
    'sync_schema', 'sync_runs', 'sync_leases', 'sync_batches', 'sync_lanes', 'sync_changes'];
  -- Supabase's default privileges grant every new table, sequence and function to these.
  v_strangers text[] := array(select 'public' union all
    select quote_ident(rolname) from pg_roles where rolname in ('anon', 'authenticated'));
  v_service boolean := exists (select from pg_roles where rolname = 'service_role');
begin
  for v_name in select p.oid::regprocedure::text from pg_proc p
      where p.pronamespace = 'public'::regnamespace and p.proname like 's3sync\_%' loop
    foreach v_role in array v_strangers loop
      execute format('revoke all on function %s from %s', v_name, v_role);
    end loop;
    if v_service then
      execute format('grant execute on function %s to service_role', v_name);
    end if;
  end loop;
  foreach v_name in array v_tables loop
    -- A table of yours keeps its ways where there is no anon key to shut out.
    if (v_name <> 'images' or v_strangers <> array['public'])
        and exists (select from pg_class where oid = to_regclass(format('public.%I', v_name)) and not relrowsecurity) then
      execute format('alter table %I enable row level security', v_name);
    end if;
    for v_owned in
        select 'table ' || to_regclass(format('public.%I', v_name))::text
        union all
        select 'sequence ' || d.objid::regclass::text from pg_depend d join pg_class s on s.oid = d.objid
        where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and s.relkind = 'S'
          and d.refobjid = to_regclass(format('public.%I', v_name)) and d.deptype in ('a', 'i') loop
      foreach v_role in array v_strangers loop
        -- A table of yours may have policies: they are yours, and stay in force.
        continue when v_name = 'images' and v_role = 'public'
          or exists (select from pg_policies where schemaname = 'public' and tablename = v_name);
        execute format('revoke all on %s from %s', v_owned, v_role);
      end loop;
      if v_service then
        execute format('grant %s on %s to service_role',
          case when v_owned like 'table %' then 'select, insert, update, delete' else 'usage, select' end, v_owned);
      end if;
    end loop;
  end loop;
end $$;

insert into sync_schema (table_name, version) values ('images', 4)
  on conflict (table_name) do update set version = excluded.version, applied_at = now()
  where sync_schema.version <> excluded.version;
commit;
