# The API: its settings, users of its database, and signing of verdicts. Nothing is written.

path "secret/data/default/plimsoll-api/*" {
  capabilities = ["read"]
}

path "database/creds/plimsoll" {
  capabilities = ["read"]
}

path "transit/keys/plimsoll-verdicts" {
  capabilities = ["read"]
}

path "transit/sign/plimsoll-verdicts" {
  capabilities = ["update"]
}

path "sys/leases/renew" {
  capabilities = ["update"]
}

# its own token, whatever the default policy says
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}
