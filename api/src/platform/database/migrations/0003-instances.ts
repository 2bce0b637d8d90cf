import type { Migration } from '../migrate.ts'

/** Several instances on one database: who leads, who is there, and what each tells the others. */
export const instances: Migration = {
  version: 3,
  name: 'instances',
  statements: ({ integer, text, strict, clustered }) => [
    // the least schema that a program must know to work beside this one; see Migration.needs
    `alter table schema_migrations add column needs ${integer} not null default 0`,

    `create table leases (
      name ${text} primary key,
      holder ${text} not null,
      token ${integer} not null,
      expires_ms ${integer} not null,
      taken_ms ${integer} not null
    ) ${strict}`,

    `create table instances (
      holder ${text} primary key,
      instance ${text} not null,
      version ${text} not null,
      started_ms ${integer} not null,
      seen_ms ${integer} not null,
      sources ${text} not null
    ) ${strict}`,

    `create table journal (
      source ${text} not null,
      seq ${integer} not null,
      at_ms ${integer} not null,
      kind ${text} not null,
      body ${text} not null,
      primary key (source, seq)
    ) ${clustered}`,
    'create index journal_by_age on journal (at_ms)'
  ]
}
