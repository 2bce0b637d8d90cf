import type { Migration } from '../migrate.ts'

/** The tables of `tables.ts`. */
export const initial: Migration = {
  version: 1,
  name: 'initial',
  statements: ({ id, integer, text, bytes, strict, clustered }) => [
    `create table streams (
      id ${id},
      service ${text} not null,
      release ${text} not null,
      traffic_class ${text} not null,
      route ${text} not null,
      scope ${text} not null,
      origin ${text} not null,
      first_ms ${integer} not null,
      last_ms ${integer} not null,
      unique (service, release, traffic_class, route, scope, origin)
    ) ${strict}`,

    `create table slices (
      width_ms ${integer} not null,
      stream_id ${integer} not null,
      start_ms ${integer} not null,
      writer ${text} not null,
      total ${integer} not null,
      status_1xx ${integer} not null,
      status_2xx ${integer} not null,
      status_3xx ${integer} not null,
      status_4xx ${integer} not null,
      status_5xx ${integer} not null,
      timeouts ${integer} not null,
      aborted ${integer} not null,
      slow ${text} not null,
      latency ${bytes},
      primary key (width_ms, stream_id, start_ms, writer)
    ) ${clustered}`,

    `create table cursors (
      source ${text} primary key,
      position ${text} not null,
      updated_ms ${integer} not null
    ) ${strict}`,

    `create table log_files (
      fingerprint ${text} primary key,
      service ${text} not null,
      ranges ${text} not null,
      path ${text} not null,
      updated_ms ${integer} not null
    ) ${strict}`,

    `create table idempotency_keys (
      key ${text} primary key,
      body_hash ${text} not null,
      reply ${text} not null,
      created_ms ${integer} not null
    ) ${strict}`,
    'create index idempotency_keys_by_age on idempotency_keys (created_ms)',

    `create table coverage (
      service ${text} not null,
      origin ${text} not null,
      from_ms ${integer} not null,
      to_ms ${integer} not null,
      primary key (service, origin, from_ms)
    ) ${strict}`,

    `create table probe_results (
      id ${id},
      service ${text} not null,
      probe ${text} not null,
      at_ms ${integer} not null,
      ok ${integer} not null,
      status ${integer},
      duration_us ${integer},
      error_code ${text},
      error_text ${text},
      certificate_expires_ms ${integer}
    ) ${strict}`,
    'create index probe_results_by_probe on probe_results (service, probe, at_ms)',
    'create index probe_results_by_age on probe_results (at_ms)',

    `create table plans (
      revision ${id},
      hash ${text} not null,
      yaml ${text} not null,
      source ${text} not null,
      applied_by ${text} not null,
      applied_ms ${integer} not null
    ) ${strict}`,

    `create table objective_revisions (
      service ${text} not null,
      objective ${text} not null,
      revision ${integer} not null,
      spec ${text} not null,
      from_ms ${integer} not null,
      to_ms ${integer},
      primary key (service, objective, revision)
    ) ${strict}`,

    `create table check_results (
      id ${id},
      milestone ${text} not null,
      check_key ${text} not null,
      at_ms ${integer} not null,
      state ${text} not null,
      reasons ${text} not null,
      duration_ms ${integer} not null
    ) ${strict}`,
    'create index check_results_by_check on check_results (milestone, check_key, at_ms)',

    `create table alerts (
      id ${text} primary key,
      dedup_key ${text} not null,
      service ${text} not null,
      objective ${text},
      kind ${text} not null,
      severity ${text} not null,
      state ${text} not null,
      opened_ms ${integer} not null,
      resolved_ms ${integer},
      body ${text} not null
    ) ${strict}`,
    'create index alerts_by_age on alerts (opened_ms, id)',
    'create index alerts_by_service on alerts (service, opened_ms)',
    'create index alerts_by_state on alerts (state, opened_ms)',
    'create index alerts_by_dedup_key on alerts (dedup_key)',

    `create table deliveries (
      id ${text} primary key,
      dedup_key ${text} not null,
      receiver ${text} not null,
      body ${text} not null,
      attempts ${integer} not null,
      next_ms ${integer} not null,
      state ${text} not null,
      last_error ${text},
      created_ms ${integer} not null
    ) ${strict}`,
    'create index deliveries_by_due on deliveries (state, next_ms)',
    'create index deliveries_by_dedup_key on deliveries (dedup_key)',

    `create table meta (
      key ${text} primary key,
      value ${text} not null
    ) ${strict}`
  ]
}
