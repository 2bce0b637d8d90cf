# What staging is, for every job of nomad/: as production, smaller, and with a certificate of Caddy's own authority.
environment = "staging"
datacenters = ["*"]
node_pool   = "default"

instances = 2
canaries  = 1
cpu_mhz   = 300
memory_mb = 384

site        = "staging.plimsoll.example"
tls         = "internal"
trust_proxy = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
