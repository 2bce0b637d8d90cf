# The API. Started by `make deploy ENV=… IMAGE=…@sha256:…`, or by hand:
#   nomad job run -detach -var-file=nomad/vars/production.vars.hcl -var image=… nomad/plimsoll-api.nomad.hcl
# A new version starts one canary and waits; it is promoted by whoever judges it (`make deploy`, the gate), never by time.

variable "image" {
  type        = string
  description = "image of api/Dockerfile by digest, registry/plimsoll-api@sha256:…; empty only without containers"
  default     = ""
  validation {
    condition     = regex_replace(var.image, "^[a-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$", "") == ""
    error_message = "An image is named by its digest: registry/plimsoll-api@sha256:<64 hex digits>."
  }
}

variable "driver" {
  type        = string
  description = "docker in production; raw_exec or exec on machines without containers, from a checkout"
  default     = "docker"
  validation {
    condition     = contains(["docker", "exec", "raw_exec"], var.driver)
    error_message = "The driver is docker, exec or raw_exec."
  }
}

variable "checkout" {
  type        = string
  description = "absolute path of an installed checkout on every client; only without containers"
  default     = ""
  validation {
    condition     = regex_replace(var.checkout, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The checkout is an absolute path without blanks and without a slash at its end."
  }
}

variable "node" {
  type        = string
  description = "absolute path of Node 24 on every client; only without containers; empty: the one the checkout brings"
  default     = ""
  validation {
    condition     = regex_replace(var.node, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "Node is named by an absolute path."
  }
}

variable "release" {
  type        = string
  description = "name of this release in X-Release, in Consul's tags and in verdicts; empty: of the image's digest"
  default     = ""
  validation {
    condition     = regex_replace(var.release, "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", "") == ""
    error_message = "A release is named by at most 63 letters, digits, dots, dashes and underscores."
  }
}

variable "environment" {
  type        = string
  description = "staging or production; told in Consul's meta"
  default     = "production"
  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "The environment is staging or production."
  }
}

variable "datacenters" {
  type        = list(string)
  description = "where it may run; a star is any"
  default     = ["*"]
  validation {
    condition     = length(var.datacenters) > 0
    error_message = "Name at least one data center."
  }
}

variable "node_pool" {
  type        = string
  description = "pool of the clients it runs on"
  default     = "default"
  validation {
    condition     = var.node_pool != "" && regex_replace(var.node_pool, "^[A-Za-z0-9_-]{1,128}$", "") == ""
    error_message = "A node pool is named by letters, digits, dashes and underscores."
  }
}

variable "instances" {
  type        = number
  description = "instances; more than one needs PostgreSQL"
  default     = 2
  validation {
    condition     = var.instances >= 1 && var.instances <= 20 && floor(var.instances) == var.instances
    error_message = "Between 1 and 20 instances."
  }
}

variable "canaries" {
  type        = number
  description = "canaries of a new version; 0 where the store is SQLite, which takes one process at a time"
  default     = 1
  validation {
    condition     = var.canaries >= 0 && var.canaries <= 20 && floor(var.canaries) == var.canaries
    error_message = "Between 0 and 20 canaries."
  }
}

variable "data_volume" {
  type        = string
  description = "host volume of DATA_DIR (identity of the instance, SQLite, backups); empty: lost with the allocation"
  default     = "plimsoll-data"
  validation {
    condition     = regex_replace(var.data_volume, "^[a-z0-9-]{1,63}$", "") == ""
    error_message = "A host volume is named by small letters, digits and dashes."
  }
}

variable "data_path" {
  type        = string
  description = "DATA_DIR on the client with raw_exec, which mounts no volumes; empty: lost with the allocation"
  default     = ""
  validation {
    condition     = regex_replace(var.data_path, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

variable "log_volume" {
  type        = string
  description = "host volume into which plimsoll-edge writes its access log, read only here; empty: none"
  default     = "plimsoll-logs"
  validation {
    condition     = regex_replace(var.log_volume, "^[a-z0-9-]{1,63}$", "") == ""
    error_message = "A host volume is named by small letters, digits and dashes."
  }
}

variable "trust_proxy" {
  type        = string
  description = "networks of plimsoll-edge, whose X-Forwarded-For is believed, separated by commas"
  default     = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
  validation {
    condition     = regex_replace(var.trust_proxy, "^[0-9a-fA-F.:/]+(, *[0-9a-fA-F.:/]+)*$", "") == ""
    error_message = "Networks are written 10.0.0.0/8 and separated by commas."
  }
}

variable "vault_role" {
  type        = string
  description = "role of the JWT login in Vault, see vault/; empty: no Vault, the secrets are set otherwise"
  default     = "plimsoll"
  validation {
    condition     = regex_replace(var.vault_role, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A role of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "vault_address" {
  type        = string
  description = "address of Vault or OpenBao, with which vault_role goes"
  default     = "https://vault.service.consul:8200"
  validation {
    condition     = regex_replace(var.vault_address, "^https?://[^/ ?#@]+$", "") == ""
    error_message = "The address of Vault is https://HOST:PORT."
  }
}

variable "vault_transit_key" {
  type        = string
  description = "key in Vault that signs verdicts; empty: a key of its own below DATA_DIR, another one for each instance"
  default     = "plimsoll-verdicts"
  validation {
    condition     = regex_replace(var.vault_transit_key, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A key of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "vault_database_role" {
  type        = string
  description = "role of the database engine whose users are put into DATABASE_URL; empty: DATABASE_URL holds a login that lasts"
  default     = ""
  validation {
    condition     = regex_replace(var.vault_database_role, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A role of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "vault_ca" {
  type        = string
  description = "certificates of the authority that Vault is trusted by, PEM; empty: those of the image or the machine"
  default     = ""
  validation {
    condition     = var.vault_ca == "" || substr(trimspace(var.vault_ca), 0, 27) == "-----BEGIN CERTIFICATE-----"
    error_message = "The authority is given as PEM: -----BEGIN CERTIFICATE----- and so on."
  }
}

variable "vault_kv_path" {
  type        = string
  description = "secret below secret/ whose keys are the secret settings"
  default     = "default/plimsoll-api/settings"
  validation {
    condition     = regex_replace(var.vault_kv_path, "^[^/ ?#]+(/[^/ ?#]+)*$", "") == ""
    error_message = "A path of Vault has no slash at its ends."
  }
}

variable "settings" {
  type        = map(string)
  description = "further settings that are no secrets, by their names in .env.example: { RETAIN_1M_DAYS = \"60\" }"
  default     = {}
  validation {
    condition     = length([for name in keys(var.settings) : name if regex_replace(name, "^[A-Z][A-Z0-9_]*$", "") != "" || regex_replace(name, "TOKEN|SECRET|KEY|PASSWORD|DATABASE_URL", "") != name]) == 0
    error_message = "Settings are named in capitals; secrets are read from Vault and never stand in a job."
  }
}

variable "cpu_mhz" {
  type        = number
  description = "CPU share, MHz"
  default     = 500
  validation {
    condition     = var.cpu_mhz >= 50
    error_message = "At least 50 MHz."
  }
}

variable "memory_mb" {
  type        = number
  description = "memory that is reserved, MiB; three quarters of it are JavaScript's"
  default     = 512
  validation {
    condition     = var.memory_mb >= 192
    error_message = "At least 192 MiB."
  }
}

locals {
  release   = var.release != "" ? var.release : var.image != "" ? substr(split("@sha256:", var.image)[1], 0, 12) : "checkout"
  contained = var.driver == "docker"
  app       = local.contained ? "/app" : var.checkout
  node      = local.contained ? "/usr/local/bin/node" : var.node != "" ? var.node : "${var.checkout}/node_modules/.bin/node"
  in_alloc  = "${NOMAD_ALLOC_DIR}/data"
  data_dir  = var.driver == "raw_exec" ? (var.data_path != "" ? var.data_path : local.in_alloc) : (var.data_volume != "" ? "/data" : local.in_alloc)
  # the rest is native memory: buffers, SQLite's cache, code
  heap_mb = floor(var.memory_mb * 0.75)
}

job "plimsoll-api" {
  datacenters = var.datacenters
  node_pool   = var.node_pool
  type        = "service"

  ui {
    description = "Plimsoll: counts requests, keeps error budgets, says whether a release may ship"
  }

  meta {
    release     = local.release
    environment = var.environment
  }

  update {
    canary            = var.canaries
    max_parallel      = 1
    auto_promote      = false # the gate decides: Nomad would judge by the first healthy seconds alone
    auto_revert       = true
    health_check      = "checks"
    min_healthy_time  = "15s"
    healthy_deadline  = "3m"
    progress_deadline = "10m" # does not run while a healthy canary waits for its promotion
  }

  spread {
    attribute = "${node.datacenter}"
  }

  group "api" {
    count = var.instances

    # Deregister, wait, SIGTERM, drain, SIGKILL. The edge asks Consul every second and lets a lookup go on for
    # a second more: 2 s, and 3 s for Consul's agents to agree.
    shutdown_delay = "5s"

    # Instances on one client would share its log and data, so a canary needs one client more than instances.
    constraint {
      distinct_hosts = var.driver == "docker"
    }

    # a client that is away for a while comes back with what it counted meanwhile; Nomad before 1.8 knows no such block
    disconnect {
      lost_after = "10m"
      replace    = true
      reconcile  = "best_score"
    }

    restart {
      attempts         = 3
      interval         = "5m"
      delay            = "5s"
      mode             = "fail"
      render_templates = true
    }

    reschedule {
      delay          = "10s"
      delay_function = "exponential"
      max_delay      = "5m"
      unlimited      = true
    }

    network {
      port "http" {}
    }

    dynamic "volume" {
      for_each = var.driver == "raw_exec" ? {} : { for name, source in { data = var.data_volume, logs = var.log_volume } : name => source if source != "" }
      labels   = [volume.key]
      content {
        type      = "host"
        source    = volume.value
        read_only = volume.key == "logs"
      }
    }

    service {
      name        = "plimsoll-api"
      provider    = "consul"
      port        = "http"
      tags        = ["stable", "release-${local.release}"]
      canary_tags = ["canary", "release-${local.release}"]

      meta {
        release     = local.release
        environment = var.environment
        alloc       = "${NOMAD_ALLOC_ID}"
      }

      # lives: only this one restarts. It is never shed.
      check {
        name     = "alive"
        type     = "http"
        path     = "/healthz"
        interval = "5s"
        timeout  = "2s"
        check_restart {
          limit = 3
          grace = "30s" # migrations may take a while at the start
        }
      }

      # serves: 503 takes it out of Consul's answers, 429 (busy) is a warning and keeps its traffic. Shedding load is
      # no reason to restart.
      check {
        name      = "ready"
        type      = "http"
        path      = "/readyz"
        interval  = "2s"
        timeout   = "1s"
        on_update = "ignore_warnings" # a canary that is busy for a moment is healthy
        # one slow answer is no reason to send everybody to the others
        failures_before_critical = 2
      }
    }

    task "api" {
      driver      = var.driver
      kill_signal = "SIGTERM"
      # SHUTDOWN_TIMEOUT_MS 20 s + store, flush and close 5 s; a client's max_kill_timeout is 30 s unless it says otherwise
      kill_timeout = "25s"

      dynamic "config" {
        for_each = local.contained ? [1] : []
        content {
          image           = var.image
          ports           = ["http"]
          readonly_rootfs = true
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
          pids_limit      = 256
          mount {
            type   = "tmpfs"
            target = "/tmp"
            tmpfs_options {
              size = 67108864 # 64 MiB
            }
          }
        }
      }

      dynamic "config" {
        for_each = local.contained ? [] : [1]
        content {
          command = local.node
          args    = ["--max-old-space-size=${local.heap_mb}", "${local.app}/api/src/main.ts"]
        }
      }

      dynamic "volume_mount" {
        for_each = var.driver == "raw_exec" ? {} : { for name, at in { data = "/data", logs = "/var/log/plimsoll" } : name => at if { data = var.data_volume, logs = var.log_volume }[name] != "" }
        content {
          volume      = volume_mount.key
          destination = volume_mount.value
          read_only   = volume_mount.key == "logs"
        }
      }

      # The program reads its secrets from Vault by itself, with the token that Nomad keeps fresh in secrets/vault_token.
      dynamic "vault" {
        for_each = var.vault_role == "" ? [] : [var.vault_role]
        content {
          role        = vault.value
          env         = false
          change_mode = "noop"
        }
      }

      dynamic "template" {
        for_each = var.vault_ca == "" ? [] : [var.vault_ca]
        content {
          destination = "${NOMAD_TASK_DIR}/vault-ca.pem"
          change_mode = "noop"
          data        = template.value
        }
      }

      # `nomad var put nomad/jobs/plimsoll-api plan=@plan.yaml`: followed while it runs, without a restart.
      template {
        destination = "${NOMAD_TASK_DIR}/plan.yaml"
        change_mode = "noop"
        perms       = "644"
        data        = <<-EOT
          {{- if nomadVarExists "nomad/jobs/plimsoll-api" -}}
          {{- with nomadVar "nomad/jobs/plimsoll-api" }}{{ .plan }}{{ end -}}
          {{- else -}}
          plan: plimsoll/v1
          services:
            - name: plimsoll
              signals: [self]
          {{ end -}}
        EOT
      }

      env = merge({
        NODE_OPTIONS        = local.contained ? "--max-old-space-size=${local.heap_mb}" : ""
        HOST                = local.contained ? "0.0.0.0" : "${NOMAD_IP_http}"
        PORT                = "${NOMAD_PORT_http}"
        DATA_DIR            = local.data_dir
        PLAN_FILE           = "${NOMAD_TASK_DIR}/plan.yaml"
        RELEASE             = local.release
        ALLOC_ID            = "${NOMAD_ALLOC_ID}"
        TRUST_PROXY         = var.trust_proxy
        LOG_FORMAT          = "json"
        SHUTDOWN_TIMEOUT_MS = "20000"
        }, var.vault_role == "" ? {} : {
        VAULT_ADDR    = var.vault_address
        VAULT_CACERT  = var.vault_ca == "" ? "" : "${NOMAD_TASK_DIR}/vault-ca.pem"
        VAULT_KV_PATH = var.vault_kv_path
        # without a database in common each instance would keep a store of its own, and say nothing of it
        VAULT_REQUIRE       = var.instances > 1 ? "API_TOKEN,CLASS_KEY,DATABASE_URL" : "API_TOKEN,CLASS_KEY"
        VAULT_TRANSIT_KEY   = var.vault_transit_key
        VAULT_DATABASE_ROLE = var.vault_database_role
      }, var.settings)

      resources {
        cpu    = var.cpu_mhz
        memory = var.memory_mb
      }

      logs {
        max_files     = 5
        max_file_size = 20
      }
    }
  }
}
