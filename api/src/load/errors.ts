import { codedError } from '../platform/errors.ts'

// What a load test can be refused for, or ends with.

export const targetNotAllowed = codedError({
  code: 'PLIMSOLL_TARGET_NOT_ALLOWED',
  status: 403,
  title: 'This target may not be loaded',
  hint: 'load a server on this machine, or say --yes-i-may-load HOST when it is yours'
})

export const targetInvalid = codedError({
  code: 'PLIMSOLL_TARGET_INVALID',
  status: 400,
  title: 'This is no target',
  hint: 'give a URL like http://127.0.0.1:3000/api/items'
})

export const targetNotFound = codedError({
  code: 'PLIMSOLL_TARGET_NOT_FOUND',
  status: 502,
  title: 'The name of the target has no address',
  hint: 'check the name, and the DNS server of this machine'
})

export const targetRefused = codedError({
  code: 'PLIMSOLL_TARGET_REFUSED',
  status: 502,
  title: 'Nothing listens there',
  hint: 'start the service, or check the port'
})

export const targetTls = codedError({
  code: 'PLIMSOLL_TARGET_TLS',
  status: 502,
  title: 'The certificate of the target was not accepted',
  hint: 'give its authority in NODE_EXTRA_CA_CERTS, or --insecure to load it without checking'
})

export const targetProtocol = codedError({
  code: 'PLIMSOLL_TARGET_PROTOCOL',
  status: 502,
  title: 'The target does not speak HTTP/1.1',
  hint: 'put a proxy in front of it that does; HTTP/2 is not sent'
})

export const targetSilent = codedError({
  code: 'PLIMSOLL_TARGET_SILENT',
  status: 504,
  title: 'The target does not finish its replies',
  hint: 'try the same request with curl; raise --timeout when it is meant to take that long'
})

export const targetEndless = codedError({
  code: 'PLIMSOLL_TARGET_ENDLESS',
  status: 502,
  title: 'The reply does not end',
  hint: 'load a path whose reply is at most 16 MiB; streams cannot be load-tested by requests'
})

export const targetRedirects = codedError({
  code: 'PLIMSOLL_TARGET_REDIRECTS',
  status: 502,
  title: 'The target sends elsewhere',
  hint: 'load the address it names; redirects are not followed'
})

export const targetBroken = codedError({
  code: 'PLIMSOLL_TARGET_BROKEN',
  status: 502,
  title: 'The target breaks its connections',
  hint: 'try the same request with curl'
})

export const senderDied = codedError({
  code: 'PLIMSOLL_SENDER_DIED',
  status: 500,
  title: 'The process that sends the load ended'
})

export const requestsInvalid = codedError({
  code: 'PLIMSOLL_REQUESTS_INVALID',
  status: 400,
  title: 'The requests to send are not understood',
  hint: 'give a JSON array of {"method", "path", "weight", "headers", "body"}; only path is needed'
})

export const importUnknown = codedError({
  code: 'PLIMSOLL_LOAD_FILE_UNKNOWN',
  status: 400,
  title: 'This file is of no tool that is known',
  hint: 'k6 (--summary-export or --out json), vegeta (report -type=json or encode), oha (--output-format json) or autocannon (--json)'
})

export const targetCloses = codedError({
  code: 'PLIMSOLL_TARGET_CLOSES',
  status: 502,
  title: 'The target closes its connections',
  hint: 'saturation needs keep-alive; a paced run (--rate) measures this target as well'
})

export const loadBusy = codedError({
  code: 'PLIMSOLL_LOAD_BUSY',
  status: 409,
  title: 'Load is being sent already',
  hint: 'wait for its end, or stop it: DELETE /api/v1/services/{service}/runs/active'
})

export const loadNotPlanned = codedError({
  code: 'PLIMSOLL_LOAD_NOT_PLANNED',
  status: 409,
  title: 'The plan names no target to load',
  hint: 'give the service a load section: load: { url: …, requests: [GET /] }'
})

export const loadTooMuch = codedError({
  code: 'PLIMSOLL_LOAD_TOO_MUCH',
  status: 400,
  title: 'The plan does not allow so much load'
})

export const secretMissing = codedError({
  code: 'PLIMSOLL_SECRET_MISSING',
  status: 409,
  title: 'A secret of the plan has no value',
  hint: 'set it in the environment or in Vault'
})

export const loadStopped = codedError({
  code: 'PLIMSOLL_LOAD_STOPPED',
  status: 409,
  title: 'The load test was stopped before it began'
})

export const loadIdTaken = codedError({
  code: 'PLIMSOLL_LOAD_ID_TAKEN',
  status: 409,
  title: 'This id is taken',
  hint: 'give every run and every load line an id of its own, such as a UUID'
})
