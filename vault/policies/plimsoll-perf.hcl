# The load line: the key that marks its traffic and the token it pushes with.

path "secret/data/default/perf/*" {
  capabilities = ["read"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
