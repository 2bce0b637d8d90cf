import type { Migration } from '../migrate.ts'

/** Verdicts of the release gate, overrides, and what outside programs said. */
export const gate: Migration = {
  version: 5,
  name: 'gate',
  statements: ({ integer, text, strict }) => [
    `create table verdicts (
      id ${text} primary key,
      service ${text} not null,
      environment ${text} not null,
      version ${text} not null,
      at_ms ${integer} not null,
      body ${text} not null,
      facts ${text} not null,
      envelope ${text} not null,
      public_key ${text} not null
    ) ${strict}`,
    'create index verdicts_by_service on verdicts (service, at_ms, id)',

    `create table gate_overrides (
      id ${text} primary key,
      service ${text} not null,
      environment ${text} not null,
      created_ms ${integer} not null,
      until_ms ${integer} not null,
      revoked_ms ${integer},
      body ${text} not null
    ) ${strict}`,
    'create index gate_overrides_by_service on gate_overrides (service, created_ms, id)',

    `create table external_evidence (
      id ${text} primary key,
      service ${text} not null,
      received_ms ${integer} not null,
      body ${text} not null
    ) ${strict}`,
    'create index external_evidence_by_service on external_evidence (service, received_ms, id)'
  ]
}
