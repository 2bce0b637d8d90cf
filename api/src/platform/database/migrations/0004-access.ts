import type { Migration } from '../migrate.ts'

/** Tokens, sessions and the audit log. */
export const access: Migration = {
  version: 4,
  name: 'access',
  statements: ({ integer, text, strict, appendOnly }) => [
    `create table api_tokens (
      id ${text} primary key,
      hash ${text} not null unique,
      start ${text} not null,
      name ${text} not null,
      role ${text} not null,
      services ${text},
      created_ms ${integer} not null,
      created_by ${text} not null,
      expires_ms ${integer},
      revoked_ms ${integer},
      used_ms ${integer}
    ) ${strict}`,

    `create table sessions (
      id ${text} primary key,
      hash ${text} not null unique,
      previous_hash ${text} unique,
      confirmed_ms ${integer},
      csrf ${text} not null,
      subject ${text} not null,
      name ${text} not null,
      role ${text} not null,
      services ${text},
      address ${text} not null,
      created_ms ${integer} not null,
      rotated_ms ${integer} not null,
      used_ms ${integer} not null,
      expires_ms ${integer} not null
    ) ${strict}`,
    'create index sessions_by_end on sessions (expires_ms)',

    `create table audit_log (
      sequence ${integer} primary key,
      at_ms ${integer} not null,
      instance ${text} not null,
      caller_kind ${text} not null,
      caller_id ${text} not null,
      caller_name ${text} not null,
      caller_role ${text},
      action ${text} not null,
      subject ${text} not null,
      outcome ${text} not null,
      status ${integer},
      detail ${text} not null,
      address ${text} not null,
      request_id ${text} not null,
      previous_hash ${text} not null,
      hash ${text} not null
    ) ${strict}`,
    'create index audit_log_by_caller on audit_log (caller_id, sequence)',
    'create index audit_log_by_action on audit_log (action, sequence)',
    ...appendOnly('audit_log')
  ]
}
