import type { Migration } from '../migrate.ts'

/** Load runs and load lines. */
export const load: Migration = {
  version: 2,
  name: 'load',
  statements: ({ integer, text, strict }) => [
    `create table load_runs (
      id ${text} primary key,
      service ${text} not null,
      release ${text} not null,
      started_ms ${integer} not null,
      body ${text} not null
    ) ${strict}`,
    'create index load_runs_by_service on load_runs (service, started_ms, id)',

    `create table load_lines (
      id ${text} primary key,
      service ${text} not null,
      release ${text} not null,
      measured_ms ${integer} not null,
      found ${integer} not null,
      body ${text} not null
    ) ${strict}`,
    'create index load_lines_by_service on load_lines (service, measured_ms, id)'
  ]
}
