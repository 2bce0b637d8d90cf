import { codedError, isCodedError } from '../errors.ts'

// What can go wrong between Plimsoll and Vault. Messages quote Vault's own words, cleaned of secrets.

export const vaultSealed = codedError({
  code: 'PLIMSOLL_VAULT_SEALED',
  status: 503,
  title: 'Vault is sealed',
  hint: 'unseal it (vault operator unseal); nothing needs to be done here then'
})

export const vaultUninitialised = codedError({
  code: 'PLIMSOLL_VAULT_UNINITIALISED',
  status: 503,
  title: 'Vault was never initialised',
  hint: 'run vault operator init, or point VAULT_ADDR at the right one'
})

export const vaultStandby = codedError({
  code: 'PLIMSOLL_VAULT_STANDBY',
  status: 503,
  title: 'This Vault is a standby that does not answer for the active one',
  hint: 'point VAULT_ADDR at the active one or at a load balancer that asks /v1/sys/health; during an election waiting is enough'
})

export const vaultUnreachable = codedError({
  code: 'PLIMSOLL_VAULT_UNREACHABLE',
  status: 503,
  title: 'Vault cannot be reached',
  hint: 'check that it runs and that VAULT_ADDR is right: curl $VAULT_ADDR/v1/sys/health'
})

export const vaultSlow = codedError({
  code: 'PLIMSOLL_VAULT_SLOW',
  status: 503,
  title: 'Vault took too long to answer',
  hint: 'look at its load and its storage, or raise VAULT_TIMEOUT_MS'
})

export const vaultBusy = codedError({
  code: 'PLIMSOLL_VAULT_BUSY',
  status: 503,
  title: 'Vault refuses for now',
  hint: 'look at the log of Vault; its rate limits (sys/quotas) count every instance'
})

export const vaultCertificate = codedError({
  code: 'PLIMSOLL_VAULT_CERTIFICATE',
  status: 503,
  title: 'The certificate of Vault is not trusted',
  hint: 'set VAULT_CACERT to the CA that signed it, and VAULT_ADDR to a name that is in it; it is never skipped'
})

export const vaultLoginRefused = codedError({
  code: 'PLIMSOLL_VAULT_LOGIN_REFUSED',
  status: 503,
  title: 'Vault refuses the login'
})

export const vaultTokenRefused = codedError({
  code: 'PLIMSOLL_VAULT_TOKEN_REFUSED',
  status: 503,
  title: 'Vault does not know this token, or no longer'
})

export const vaultDenied = codedError({
  code: 'PLIMSOLL_VAULT_DENIED',
  status: 503,
  title: 'The policy in Vault does not allow this'
})

export const vaultNotFound = codedError({
  code: 'PLIMSOLL_VAULT_NOT_FOUND',
  status: 503,
  title: 'There is nothing at this path in Vault'
})

export const vaultDeleted = codedError({
  code: 'PLIMSOLL_VAULT_DELETED',
  status: 503,
  title: 'The secret in Vault was deleted'
})

export const vaultNamespace = codedError({
  code: 'PLIMSOLL_VAULT_NAMESPACE',
  status: 503,
  title: 'Vault has no such namespace',
  hint: 'check VAULT_NAMESPACE: it is the whole path, for example teams/shop'
})

export const vaultAnswer = codedError({
  code: 'PLIMSOLL_VAULT_ANSWER',
  status: 503,
  title: 'Vault answered something else than was asked for',
  hint: 'check that VAULT_ADDR is Vault or OpenBao itself and that the paths of VAULT_… are of the right engine'
})

export const vaultSettingsUnfit = codedError({
  code: 'PLIMSOLL_VAULT_SETTINGS',
  status: 500,
  title: 'The settings for Vault do not fit together'
})

export const vaultFile = codedError({
  code: 'PLIMSOLL_VAULT_FILE',
  status: 500,
  title: 'A file for the login to Vault cannot be used'
})

export const vaultContent = codedError({
  code: 'PLIMSOLL_VAULT_CONTENT',
  status: 500,
  title: 'The secret in Vault is not complete'
})

/** Faults that end by themselves or by somebody's hand at Vault: asking again is right. */
const passing: ReadonlySet<string> = new Set(
  [vaultSealed, vaultUninitialised, vaultStandby, vaultUnreachable, vaultSlow, vaultBusy].map(({ spec }) => spec.code)
)

export const isPassing = (error: unknown): boolean => isCodedError(error) && passing.has(error.code)

/** Whether the token itself was at fault: a new login may help. */
export const isAboutToken = (error: unknown): boolean =>
  isCodedError(error) && error.code === vaultTokenRefused.spec.code
