# A search for the load line on demand, from inside. Registered once, then started as often as wanted:
#   nomad job run -hcl2-strict=false -var-file=nomad/vars/staging.vars.hcl -var image=… nomad/perf.nomad.hcl
#   nomad job dispatch -meta target=http://10.0.0.7:8081/api/v1/services -meta host=10.0.0.7 -meta service=plimsoll -meta release=1.4.2 perf
# Exit code 0: the promise held; 1: it was broken; 2: it could not be measured. Plimsoll keeps the result.

variable "image" {
  type        = string
  description = "image of api/Dockerfile by digest; empty only without containers"
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

variable "vault_role" {
  type        = string
  description = "role of the JWT login in Vault, see vault/; empty: no Vault, the secrets are set otherwise"
  default     = "plimsoll-perf"
  validation {
    condition     = regex_replace(var.vault_role, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A role of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "plimsoll_url" {
  type        = string
  description = "the Plimsoll that keeps the results, by its inner listener"
  default     = "http://plimsoll-inside.service.consul:8081"
  validation {
    condition     = regex_replace(var.plimsoll_url, "^https?://[^/ ?#@]+$", "") == ""
    error_message = "The address is http(s)://HOST:PORT."
  }
}

variable "vault_env_path" {
  type        = string
  description = "secret below secret/data/ with CLASS_KEY and PLIMSOLL_TOKEN of the one who loads"
  default     = "default/perf/settings"
  validation {
    condition     = regex_replace(var.vault_env_path, "^[^/ ?#]+(/[^/ ?#]+)*$", "") == ""
    error_message = "A path of Vault has no slash at its ends."
  }
}

locals {
  contained = var.driver == "docker"
  app       = local.contained ? "/app" : var.checkout
  node      = var.node != "" ? var.node : "${var.checkout}/node_modules/.bin/node"
  command = [
    "${local.app}/scripts/src/main.ts", "load", "line", "${NOMAD_META_target}",
    "--service", "${NOMAD_META_service}", "--release", "${NOMAD_META_release}",
    "--yes-i-may-load", "${NOMAD_META_host}", "--push", var.plimsoll_url
  ]
}

job "perf" {
  datacenters = var.datacenters
  node_pool   = var.node_pool
  type        = "batch"

  parameterized {
    payload       = "forbidden"
    meta_required = ["target", "host", "service", "release"]
  }

  group "perf" {
    # a load test that went wrong is not repeated by itself: its load is felt
    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    task "load" {
      driver       = var.driver
      kill_timeout = "10s"

      dynamic "config" {
        for_each = local.contained ? [1] : []
        content {
          image           = var.image
          args            = local.command
          readonly_rootfs = true
          cap_drop        = ["all"]
          security_opt    = ["no-new-privileges"]
          pids_limit      = 256
        }
      }

      dynamic "config" {
        for_each = local.contained ? [] : [1]
        content {
          command = local.node
          args    = local.command
        }
      }

      dynamic "vault" {
        for_each = var.vault_role == "" ? [] : [var.vault_role]
        content {
          role        = vault.value
          env         = false
          change_mode = "noop"
        }
      }

      # The command line takes its secrets from the environment, so they are put there by a template, never by the job.
      dynamic "template" {
        for_each = var.vault_role == "" ? [] : [1]
        content {
          destination = "${NOMAD_SECRETS_DIR}/load.env"
          env         = true
          change_mode = "noop"
          data        = <<-EOT
            {{ with secret "secret/data/${var.vault_env_path}" }}
            CLASS_KEY={{ .Data.data.CLASS_KEY | toJSON }}
            PLIMSOLL_TOKEN={{ .Data.data.PLIMSOLL_TOKEN | toJSON }}
            {{ end }}
          EOT
        }
      }

      env {
        DATA_DIR = "${NOMAD_ALLOC_DIR}/data"
      }

      # the sender must not be what is slow
      resources {
        cpu    = 1000
        memory = 512
      }
    }
  }
}
