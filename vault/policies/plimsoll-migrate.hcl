# The migration before a deploy: the settings of the API, for DATABASE_URL, and a user of the database. It cannot sign.

path "secret/data/default/plimsoll-api/*" {
  capabilities = ["read"]
}

path "database/creds/plimsoll" {
  capabilities = ["read"]
}

path "sys/leases/renew" {
  capabilities = ["update"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}
