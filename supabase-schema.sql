-- s3sync-tui: the catalog. Schema version 1.
--
-- Paste it into Supabase's SQL editor, feed it to psql, or run
-- `s3sync-tui schema --apply`. It may be applied any number of times, also over
-- a table of your own: it adds what is missing, drops nothing, and where
-- something is in the way it says what, and changes nothing at all.
-- For another table name: `s3sync-tui schema --table NAME`.

begin;
set local search_path = public, pg_temp;
set local client_min_messages = warning;
select pg_advisory_xact_lock(hashtext('s3sync-tui schema'));

-- 1. What is in the way? ------------------------------------------------------

do $$
declare
  v_table text;
  v_class regclass;
  v_found bigint;
  v_names text;
  v_type text;
begin
  foreach v_table in array array['sync_runs', 'sync_leases', 'sync_batches'] loop
    if to_regclass('public.' || v_table) is not null and to_regclass('public.sync_schema') is null then
      raise exception using errcode = 'S3S03',
        message = format('a table %s exists that s3sync-tui did not make', v_table),
        hint = format('Rename it (alter table %1$s rename to my_%1$s), then apply the schema again.', v_table);
    end if;
  end loop;

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

    select string_agg(format('%I (%s)', attname, format_type(atttypid, null)), ', ') into v_names
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
        and attidentity = '' and attname not in ('filename')
        and v_table = 'images';
    if v_names is not null then
      raise exception using errcode = 'S3S03',
        message = format('columns of %s are not null and have no default, so no row could be added: %s', v_table, v_names),
        hint = format('Give them a default: alter table %s alter column … set default …;', v_table);
    end if;

    execute format('select count(*) from %s where filename is null', v_class) into v_found;
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
      'select count(*), string_agg(format(''%%s (%%s times)'', filename, n), '', '' order by filename)
         filter (where rank <= 5)
       from (select filename, count(*) n, row_number() over (order by filename collate "C") rank
             from %s group by filename having count(*) > 1) d', v_class)
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

create table if not exists images (
  id bigint generated by default as identity primary key,
  filename text collate "C" not null
);
create table if not exists images_archive (
  id bigint,
  filename text collate "C" not null
);

do $$
declare
  v_table text;
  v_class regclass;
begin
  foreach v_table in array array['images', 'images_archive'] loop
    v_class := to_regclass(format('public.%I', v_table));
    -- Collation "C" sorts by bytes, as S3 does. Changing it rewrites the table's
    -- indexes, so it is done only where it is needed.
    if exists (select from pg_attribute where attrelid = v_class and attname = 'filename'
        and (atttypid <> 'text'::regtype or attcollation <> 'pg_catalog."C"'::regcollation)) then
      execute format('alter table %s alter column filename type text collate "C"', v_class);
    end if;
    if exists (select from pg_attribute where attrelid = v_class and attname = 'filename' and not attnotnull) then
      execute format('alter table %s alter column filename set not null', v_class);
    end if;
    execute format('alter table %s add column if not exists size_bytes bigint', v_class);
    if exists (select from pg_attribute where attrelid = v_class and attname = 'size_bytes'
        and atttypid <> 'int8'::regtype) then
      execute format('alter table %s alter column size_bytes type bigint', v_class);
    end if;
    execute format('alter table %s
        add column if not exists etag text,
        add column if not exists last_modified timestamptz,
        add column if not exists labeled boolean default false,
        add column if not exists label text,
        add column if not exists labeled_at timestamptz,
        add column if not exists missing_since timestamptz,
        add column if not exists created_at timestamptz default now()', v_class);
  end loop;
  -- What a failed CREATE INDEX CONCURRENTLY left behind guards nothing.
  if exists (select from pg_index where not indisvalid
      and indexrelid = to_regclass('public.images_filename_s3sync_idx')) then
    drop index images_filename_s3sync_idx;
  end if;
end $$;
alter table images_archive add column if not exists archived_at timestamptz default now();

-- Covering: digests of key ranges are read from the index alone.
create unique index if not exists images_filename_s3sync_idx
  on images (filename) include (etag, size_bytes);
create unique index if not exists images_archive_filename_s3sync_idx
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

create table if not exists sync_leases (
  table_name text not null,
  bucket text not null,
  run_id bigint not null,
  holder text not null,
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

-- Rows per hour of their objects' last_modified, kept in the inserting
-- transaction. Sixteen shards, so that writers do not wait for one another.
create table if not exists images_counts (
  hour timestamptz not null,
  shard smallint not null,
  objects bigint not null,
  bytes bigint not null,
  primary key (hour, shard)
);
insert into images_counts
  select date_trunc('hour', coalesce(last_modified, created_at), 'UTC'), 0, count(*), coalesce(sum(size_bytes), 0)
  from (select last_modified, created_at, size_bytes from images
        union all select last_modified, created_at, size_bytes from images_archive) i
  where not exists (select from sync_schema where table_name = 'images')
  group by 1;

-- 3. Functions: the logic that both transports share ---------------------------

create or replace function s3sync_version() returns integer
  language sql immutable set search_path = public, pg_temp
  as $$ select 1 $$;

-- What stops a sync: damage to the table, or a role that sees no rows.
create or replace function s3sync_problems() returns text[]
  language sql stable set search_path = public, pg_temp
as $$
  select array_remove(array[
    case when not exists (select from pg_index
        where indexrelid = to_regclass('public.images_filename_s3sync_idx')
          and indrelid = to_regclass('public.images') and indisunique and indisvalid)
      then 'the unique index images_filename_s3sync_idx is missing or invalid' end,
    case when not exists (select from pg_index
        where indexrelid = to_regclass('public.images_archive_filename_s3sync_idx') and indisunique and indisvalid)
      then 'the unique index images_archive_filename_s3sync_idx is missing or invalid' end,
    case when not exists (select from pg_attribute where attrelid = to_regclass('public.images')
        and attname = 'filename' and attcollation = 'pg_catalog."C"'::regcollation and attnotnull)
      then 'the column filename has lost its collation "C" or NOT NULL' end,
    (select 'columns are missing: ' || string_agg(c, ', ')
      from unnest(array['filename', 'size_bytes', 'etag', 'last_modified', 'missing_since', 'created_at']) c
      where not exists (select from pg_attribute where attrelid = to_regclass('public.images')
        and attname = c and not attisdropped)
      having count(*) > 0),
    case when row_security_active('public.images')
      then 'row level security hides rows from the user ' || current_user end
  ], null)
$$;

create or replace function s3sync_summary(out objects_total bigint, out bytes_total bigint, out at timestamptz)
  language sql stable set search_path = public, pg_temp
as $$
  select coalesce(sum(objects), 0), coalesce(sum(bytes), 0), clock_timestamp() from images_counts
$$;

-- Takes the lease, marks dead runs, writes the run's row. Where another run holds
-- the lease, run_id is null and the rest says who.
create or replace function s3sync_begin_run(
  p_bucket text, p_prefix text, p_mode text, p_holder text, p_lease_seconds integer,
  out run_id bigint, out started_at timestamptz, out interrupted bigint[],
  out held_by text, out held_run_id bigint, out held_since timestamptz, out held_for_seconds double precision)
  language plpgsql set search_path = public, pg_temp
as $$
declare
  v_lease sync_leases;
begin
  insert into sync_leases (table_name, bucket, run_id, holder, expires_at)
    values ('images', p_bucket, 0, '', '-infinity') on conflict do nothing;
  -- FOR UPDATE waits for batches of the old holder that are being written just
  -- now (they hold FOR KEY SHARE), so none can commit after the takeover.
  select * into v_lease from sync_leases l
    where l.table_name = 'images' and l.bucket = p_bucket for update;
  if v_lease.expires_at > clock_timestamp() then
    held_by := v_lease.holder;
    held_run_id := v_lease.run_id;
    held_since := v_lease.taken_at;
    held_for_seconds := extract(epoch from v_lease.expires_at - clock_timestamp());
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
      run_id = s3sync_begin_run.run_id, holder = p_holder, taken_at = clock_timestamp(),
      expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
    where l.table_name = 'images' and l.bucket = p_bucket;
end $$;

-- False when another run has taken over.
create or replace function s3sync_renew(
  p_run_id bigint, p_lease_seconds integer, p_total bigint, p_added bigint, p_changed bigint,
  p_gone bigint, p_rejected bigint, p_list_requests bigint, p_cost_usd double precision) returns boolean
  language plpgsql set search_path = public, pg_temp
as $$
begin
  update sync_leases set expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
    where run_id = p_run_id;
  if not found then return false; end if;
  update sync_runs set heartbeat_at = clock_timestamp(), total = p_total, added = p_added, changed = p_changed,
      gone = p_gone, rejected = p_rejected, list_requests = p_list_requests, cost_usd = p_cost_usd
    where id = p_run_id and status = 'running';
  return true;
end $$;

-- The final state; added and changed come from the batches themselves.
create or replace function s3sync_finish_run(
  p_run_id bigint, p_status text, p_total bigint, p_gone bigint, p_rejected bigint, p_list_requests bigint,
  p_cost_usd double precision, p_error text, p_hint text, p_details jsonb,
  out added bigint, out changed bigint)
  language plpgsql set search_path = public, pg_temp
as $$
begin
  select coalesce(sum(b.added), 0), coalesce(sum(b.changed), 0) into added, changed
    from sync_batches b where b.run_id = p_run_id;
  update sync_runs r set
      status = p_status, finished_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
      duration_seconds = extract(epoch from clock_timestamp() - r.started_at),
      total = greatest(p_total, s3sync_finish_run.added), added = s3sync_finish_run.added,
      changed = s3sync_finish_run.changed, gone = p_gone, rejected = p_rejected,
      list_requests = p_list_requests, cost_usd = p_cost_usd,
      error = nullif(p_error, ''), hint = nullif(p_hint, ''), details = p_details
    where r.id = p_run_id and r.status = 'running';
  if not found then -- finished before (the answer was lost), or taken over
    select r.added, r.changed into added, changed from sync_runs r where r.id = p_run_id;
  end if;
  delete from sync_batches b where b.run_id = p_run_id;
  update sync_leases set expires_at = '-infinity' where run_id = p_run_id;
end $$;

create or replace function s3sync_hold_lease(p_run_id bigint) returns void
  language plpgsql set search_path = public, pg_temp
as $$
begin
  perform from sync_leases where run_id = p_run_id for key share;
  if not found then
    raise exception using errcode = 'S3S01', message = 'another run has taken over the lease';
  end if;
end $$;

create or replace function s3sync_insert(
  p_run_id bigint, p_batch integer,
  p_filenames text[], p_sizes bigint[], p_etags text[], p_modified timestamptz[]) returns integer
  language plpgsql set search_path = public, pg_temp
as $$
declare
  v_added integer;
begin
  perform s3sync_hold_lease(p_run_id);
  select added into v_added from sync_batches where run_id = p_run_id and batch = p_batch;
  if found then return v_added; end if;

  with fresh as (
    insert into images (filename, size_bytes, etag, last_modified)
    select n.filename, n.size_bytes, n.etag, n.last_modified
    from unnest(p_filenames, p_sizes, p_etags, p_modified) as n(filename, size_bytes, etag, last_modified)
    -- Conflicts burn identity values, so look before inserting.
    where not exists (select from images i where i.filename = n.filename)
      and not exists (select from images_archive a where a.filename = n.filename)
    order by n.filename collate "C" -- one order for all writers: no deadlocks
    on conflict (filename) do nothing
    returning size_bytes, coalesce(last_modified, created_at) as arrived
  ), counted as (
    insert into images_counts as c (hour, shard, objects, bytes)
    select date_trunc('hour', arrived, 'UTC'), pg_backend_pid() % 16, count(*), coalesce(sum(size_bytes), 0)
    from fresh group by 1 order by 1
    on conflict (hour, shard) do update
      set objects = c.objects + excluded.objects, bytes = c.bytes + excluded.bytes
  )
  select count(*) into v_added from fresh;

  insert into sync_batches (run_id, batch, added) values (p_run_id, p_batch, v_added)
    on conflict do nothing;
  if not found then -- a lost call of the same batch came first after all
    select added into v_added from sync_batches where run_id = p_run_id and batch = p_batch;
  end if;
  return v_added;
end $$;

create or replace function s3sync_update(
  p_run_id bigint, p_batch integer,
  p_filenames text[], p_sizes bigint[], p_etags text[], p_modified timestamptz[]) returns integer
  language plpgsql set search_path = public, pg_temp
as $$
declare
  v_changed integer;
begin
  perform s3sync_hold_lease(p_run_id);
  select changed into v_changed from sync_batches where run_id = p_run_id and batch = p_batch;
  if found then return v_changed; end if;

  with n as (
    select * from unnest(p_filenames, p_sizes, p_etags, p_modified) as n(filename, size_bytes, etag, last_modified)
  ), old as (
    select i.filename, i.size_bytes, coalesce(i.last_modified, i.created_at) as arrived
    from images i join n on i.filename = n.filename
    where i.etag is distinct from n.etag or i.size_bytes is distinct from n.size_bytes or i.missing_since is not null
    order by i.filename for update of i
  ), new as (
    update images i set etag = n.etag, size_bytes = n.size_bytes, last_modified = n.last_modified, missing_since = null
    from n join old on old.filename = n.filename where i.filename = n.filename
    returning i.size_bytes, coalesce(i.last_modified, i.created_at) as arrived
  ), old_archived as (
    select a.filename, a.size_bytes, coalesce(a.last_modified, a.created_at) as arrived
    from images_archive a join n on a.filename = n.filename
    where (a.etag is distinct from n.etag or a.size_bytes is distinct from n.size_bytes)
      and not exists (select from images i where i.filename = n.filename)
    order by a.filename for update of a
  ), new_archived as (
    update images_archive a set etag = n.etag, size_bytes = n.size_bytes, last_modified = n.last_modified
    from n join old_archived o on o.filename = n.filename where a.filename = n.filename
    returning a.size_bytes, coalesce(a.last_modified, a.created_at) as arrived
  ), moves as (
    select arrived, 1 as objects, size_bytes from new
    union all select arrived, 1, size_bytes from new_archived
    union all select arrived, -1, -size_bytes from old
    union all select arrived, -1, -size_bytes from old_archived
  ), counted as (
    insert into images_counts as c (hour, shard, objects, bytes)
    select date_trunc('hour', arrived, 'UTC'), pg_backend_pid() % 16, sum(objects), coalesce(sum(size_bytes), 0)
    from moves group by 1 order by 1
    on conflict (hour, shard) do update
      set objects = c.objects + excluded.objects, bytes = c.bytes + excluded.bytes
  )
  select (select count(*) from new) + (select count(*) from new_archived) into v_changed;

  insert into sync_batches (run_id, batch, changed) values (p_run_id, p_batch, v_changed)
    on conflict do nothing;
  if not found then
    select changed into v_changed from sync_batches where run_id = p_run_id and batch = p_batch;
  end if;
  return v_changed;
end $$;

-- One digest for each key range (p_after[i], p_up_to[i]]: SHA-256 over
-- "<characters in filename>:<filename><etag>:<size>\n" of its rows in key order.
-- Rows marked missing are left out. The planner's settings keep it to index-only
-- scans whatever the statistics say.
create or replace function s3sync_range_digests(
  p_after text[], p_up_to text[], out row_counts bigint[], out digests text[])
  language plpgsql stable set search_path = public, pg_temp
  set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan
  set max_parallel_workers_per_gather = 0
as $$
declare
  v_after text;
  v_up_to text;
  v_rows bigint;
  v_digest text;
begin
  row_counts := '{}';
  digests := '{}';
  for i in 1 .. coalesce(array_length(p_after, 1), 0) loop
    v_after := p_after[i];
    v_up_to := p_up_to[i];
    if exists (select from images where missing_since is not null
        and filename > v_after collate "C" and filename <= v_up_to collate "C") then
      select count(*), encode(sha256(convert_to(coalesce(string_agg(line, ''), ''), 'UTF8')), 'hex')
        into v_rows, v_digest
        from (select char_length(r.filename) || ':' || r.filename || coalesce(r.etag, '') || ':'
                || coalesce(r.size_bytes::text, '') || E'\n' as line
              from (select filename, etag, size_bytes from images
                      where filename > v_after collate "C" and filename <= v_up_to collate "C"
                        and missing_since is null
                    union all select filename, etag, size_bytes from images_archive
                      where filename > v_after collate "C" and filename <= v_up_to collate "C") r
              order by r.filename) lines;
    else
      select count(*), encode(sha256(convert_to(coalesce(string_agg(line, ''), ''), 'UTF8')), 'hex')
        into v_rows, v_digest
        from (select char_length(r.filename) || ':' || r.filename || coalesce(r.etag, '') || ':'
                || coalesce(r.size_bytes::text, '') || E'\n' as line
              from (select filename, etag, size_bytes from images
                      where filename > v_after collate "C" and filename <= v_up_to collate "C"
                    union all select filename, etag, size_bytes from images_archive
                      where filename > v_after collate "C" and filename <= v_up_to collate "C") r
              order by r.filename) lines;
    end if;
    row_counts := row_counts || v_rows;
    digests := digests || v_digest;
  end loop;
end $$;

-- The drill-down: how the objects of one page, and the other keys that exist in
-- its key range, differ from the rows in that range. Positions count from 0.
create or replace function s3sync_compare(
  p_after text, p_up_to text, p_filenames text[], p_sizes bigint[], p_etags text[], p_others text[],
  p_started_at timestamptz, p_sample integer,
  out missing integer[], out changed integer[], out gone bigint, out gone_sample text[])
  language plpgsql stable set search_path = public, pg_temp
as $$
begin
  with n as (
    select * from unnest(p_filenames, p_sizes, p_etags) with ordinality as n(filename, size_bytes, etag, position)
  ), stored as (
    select i.filename, i.size_bytes, i.etag, i.missing_since is not null as marked,
        i.missing_since is null and i.created_at < p_started_at as may_be_gone
      from images i where i.filename > p_after collate "C" and i.filename <= p_up_to collate "C"
    union all
    select a.filename, a.size_bytes, a.etag, false, false
      from images_archive a where a.filename > p_after collate "C" and a.filename <= p_up_to collate "C"
        and not exists (select from images i where i.filename = a.filename)
  ), joined as (
    select n.position, n.filename as there, s.filename as here, s.may_be_gone,
      s.etag is distinct from n.etag or s.size_bytes is distinct from n.size_bytes or s.marked as differs
    from n full join stored s on s.filename = n.filename
  ), lost as (
    select here from joined where there is null and may_be_gone
      and not exists (select from unnest(p_others) o(filename) where o.filename = here)
  )
  select
    (select coalesce(array_agg(position - 1 order by position), '{}') from joined where here is null),
    (select coalesce(array_agg(position - 1 order by position), '{}') from joined
      where here is not null and there is not null and differs),
    (select count(*) from lost),
    (select coalesce(array_agg(here), '{}') from (select here from lost order by here limit p_sample) s)
  into missing, changed, gone, gone_sample;
end $$;

-- Marks the rows of a key range whose keys are not among p_present.
create or replace function s3sync_mark_gone(
  p_run_id bigint, p_after text, p_up_to text, p_present text[], p_started_at timestamptz) returns bigint
  language plpgsql set search_path = public, pg_temp
as $$
declare
  v_marked bigint;
begin
  perform s3sync_hold_lease(p_run_id);
  update images i set missing_since = now()
    where i.filename > p_after collate "C" and i.filename <= p_up_to collate "C"
      and i.missing_since is null and i.created_at < p_started_at
      and not exists (select from unnest(p_present) p(filename) where p.filename = i.filename);
  get diagnostics v_marked = row_count;
  return v_marked;
end $$;

-- Keys that cut a range into parts of about equal rows: Postgres keeps a
-- histogram of the column anyway.
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
    -- keeps p_parts - 1 of n, evenly spread
    where (place * (p_parts - 1)) / n <> ((place - 1) * (p_parts - 1)) / n
$$;

-- 4. Security: nobody but the owner and the service role ------------------------

alter table images_archive enable row level security;
alter table images_counts enable row level security;
alter table images enable row level security;
alter table sync_schema enable row level security;
alter table sync_runs enable row level security;
alter table sync_leases enable row level security;
alter table sync_batches enable row level security;

do $$
declare
  v_role text;
  v_name text;
begin
  for v_name in select p.oid::regprocedure::text from pg_proc p
      where p.pronamespace = 'public'::regnamespace and p.proname like 's3sync\_%' loop
    execute format('revoke all on function %s from public', v_name);
    foreach v_role in array array['anon', 'authenticated'] loop
      continue when not exists (select from pg_roles where rolname = v_role);
      execute format('revoke all on function %s from %I', v_name, v_role);
    end loop;
    if exists (select from pg_roles where rolname = 'service_role') then
      execute format('grant execute on function %s to service_role', v_name);
    end if;
  end loop;
  foreach v_name in array array['images', 'images_archive', 'images_counts',
      'sync_schema', 'sync_runs', 'sync_leases', 'sync_batches'] loop
    foreach v_role in array array['anon', 'authenticated'] loop
      continue when not exists (select from pg_roles where rolname = v_role);
      -- A table of yours may have policies: they are yours, and stay in force.
      continue when exists (select from pg_policies where schemaname = 'public' and tablename = v_name);
      execute format('revoke all on table %I from %I', v_name, v_role);
    end loop;
    if exists (select from pg_roles where rolname = 'service_role') then
      execute format('grant select, insert, update, delete on table %I to service_role', v_name);
    end if;
  end loop;
end $$;

insert into sync_schema (table_name, version) values ('images', 1)
  on conflict (table_name) do update set version = excluded.version, applied_at = now()
  where sync_schema.version <> excluded.version;
commit;
