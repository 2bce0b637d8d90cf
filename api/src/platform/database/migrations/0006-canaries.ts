import type { Migration } from '../migrate.ts'

/** Releases, what happened to them, the batches a canary is judged by, and what was done about it. */
export const canaries: Migration = {
  version: 6,
  name: 'canaries',
  statements: ({ integer, text, strict }) => [
    `create table releases (
      id ${text} primary key,
      service ${text} not null,
      environment ${text} not null,
      version ${text} not null,
      state ${text} not null,
      started_ms ${integer} not null,
      ended_ms ${integer},
      deployment ${text} unique,
      body ${text} not null
    ) ${strict}`,
    'create index releases_by_time on releases (started_ms, id)',
    'create index releases_by_service on releases (service, environment, started_ms)',

    `create table release_timeline (
      release_id ${text} not null,
      key ${text} not null,
      at_ms ${integer} not null,
      kind ${text} not null,
      text ${text} not null,
      by_whom ${text},
      primary key (release_id, key)
    ) ${strict}`,

    `create table canary_batches (
      release_id ${text} not null,
      sequence ${integer} not null,
      body ${text} not null,
      primary key (release_id, sequence)
    ) ${strict}`,

    `create table release_actions (
      id ${text} primary key,
      release_id ${text} not null,
      action ${text} not null,
      by_whom ${text} not null,
      reason ${text} not null,
      fencing ${integer} not null,
      intended_ms ${integer} not null,
      state ${text} not null,
      settled_ms ${integer},
      text ${text} not null
    ) ${strict}`,
    'create index release_actions_by_release on release_actions (release_id, intended_ms)'
  ]
}
