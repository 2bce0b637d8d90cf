# What production is, for every job of nomad/. Secrets are in Vault (vault/), images come with `-var image=…`.
environment = "production"
datacenters = ["*"]
node_pool   = "default"

instances = 2
canaries  = 1
cpu_mhz   = 500
memory_mb = 512

site        = "plimsoll.example"
tls         = "ops@plimsoll.example"
trust_proxy = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
