# Caddy in front of everything: TLS, HTTP/2 and 3, the page, and the API of whichever instances Consul calls healthy.
# One on every client it may run on:
#   nomad job run -hcl2-strict=false -var-file=nomad/vars/production.vars.hcl -var image=… -var site=… nomad/plimsoll-edge.nomad.hcl
# The Caddyfile lies in the image (nomad/Caddyfile); this job only fills in its variables.

variable "image" {
  type        = string
  description = "image of web/Dockerfile by digest, registry/plimsoll-edge@sha256:…; empty only without containers"
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

variable "caddy" {
  type        = string
  description = "absolute path of Caddy on every client; only without containers"
  default     = "/usr/bin/caddy"
  validation {
    condition     = regex_replace(var.caddy, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
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

variable "site" {
  type        = string
  description = "names of the site, separated by commas: plimsoll.example"
  default     = "localhost"
  validation {
    condition     = var.site != "" && regex_replace(var.site, "^[A-Za-z0-9.*-]+(, *[A-Za-z0-9.*-]+)*$", "") == ""
    error_message = "The site is named by host names, separated by commas."
  }
}

variable "tls" {
  type        = string
  description = "internal: a certificate of Caddy's own authority; vault: from Vault; or an e-mail address: by ACME"
  default     = "internal"
  validation {
    condition     = contains(["internal", "vault"], var.tls) || (var.tls != "" && regex_replace(var.tls, "^[^@ ]+@[^@ ]+$", "") == "")
    error_message = "TLS is internal, vault, or the e-mail address of an ACME account."
  }
}

variable "vault_role" {
  type        = string
  description = "role of the JWT login in Vault, the usual one of nomad setup vault; only with tls = vault"
  default     = "nomad-workloads"
  validation {
    condition     = regex_replace(var.vault_role, "^[A-Za-z0-9_-]{1,64}$", "") == ""
    error_message = "A role of Vault is named by letters, digits, dashes and underscores."
  }
}

variable "vault_tls_path" {
  type        = string
  description = "secret below secret/data/ with certificate and private_key, PEM; only with tls = vault"
  default     = "default/plimsoll-edge/tls"
  validation {
    condition     = regex_replace(var.vault_tls_path, "^[^/ ?#]+(/[^/ ?#]+)*$", "") == ""
    error_message = "A path of Vault has no slash at its ends."
  }
}

variable "api_name" {
  type        = string
  description = "SRV name of the API in Consul"
  default     = "plimsoll-api.service.consul"
  validation {
    condition     = regex_replace(var.api_name, "^[A-Za-z0-9.-]+$", "") == ""
    error_message = "A name of Consul: plimsoll-api.service.consul."
  }
}

variable "resolver" {
  type        = string
  description = "DNS of the Consul agent on the client"
  default     = "127.0.0.1:8600"
  validation {
    condition     = regex_replace(var.resolver, "^[^ ]+:[0-9]{1,5}$", "") == ""
    error_message = "The resolver is HOST:PORT."
  }
}

variable "http_port" {
  type        = number
  description = "plain HTTP, only to send people to HTTPS"
  default     = 80
  validation {
    condition     = var.http_port >= 1 && var.http_port <= 65535 && floor(var.http_port) == var.http_port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "https_port" {
  type        = number
  description = "TLS, TCP and UDP"
  default     = 443
  validation {
    condition     = var.https_port >= 1 && var.https_port <= 65535 && floor(var.https_port) == var.https_port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "inside_port" {
  type        = number
  description = "the listener without TLS for probes and load tests; not to be reached from outside"
  default     = 8081
  validation {
    condition     = var.inside_port >= 1 && var.inside_port <= 65535 && floor(var.inside_port) == var.inside_port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "data_volume" {
  type        = string
  description = "host volume of certificates and ACME accounts; empty: lost with the allocation"
  default     = "plimsoll-certificates"
  validation {
    condition     = regex_replace(var.data_volume, "^[a-z0-9-]{1,63}$", "") == ""
    error_message = "A host volume is named by small letters, digits and dashes."
  }
}

variable "data_path" {
  type        = string
  description = "directory of certificates with raw_exec, which mounts no volumes; empty: lost with the allocation"
  default     = ""
  validation {
    condition     = regex_replace(var.data_path, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

variable "log_volume" {
  type        = string
  description = "host volume of the access log, which plimsoll-api follows; empty: lost with the allocation"
  default     = "plimsoll-logs"
  validation {
    condition     = regex_replace(var.log_volume, "^[a-z0-9-]{1,63}$", "") == ""
    error_message = "A host volume is named by small letters, digits and dashes."
  }
}

variable "log_path" {
  type        = string
  description = "directory of the access log with raw_exec; empty: lost with the allocation"
  default     = ""
  validation {
    condition     = regex_replace(var.log_path, "^(/[A-Za-z0-9._-]+)+$", "") == ""
    error_message = "The path is absolute, without blanks and without a slash at its end."
  }
}

locals {
  release   = var.release != "" ? var.release : var.image != "" ? substr(split("@sha256:", var.image)[1], 0, 12) : "checkout"
  contained = var.driver == "docker"
  node      = var.node != "" ? var.node : "${var.checkout}/node_modules/.bin/node"
  in_alloc  = "${NOMAD_ALLOC_DIR}/data"
  data_dir  = var.driver == "raw_exec" ? (var.data_path != "" ? var.data_path : local.in_alloc) : (var.data_volume != "" ? "/data" : local.in_alloc)
  log_dir   = var.driver == "raw_exec" ? (var.log_path != "" ? var.log_path : local.in_alloc) : (var.log_volume != "" ? "/var/log/plimsoll" : local.in_alloc)
  tls_files = "${NOMAD_SECRETS_DIR}/tls.crt ${NOMAD_SECRETS_DIR}/tls.key"
}

job "plimsoll-edge" {
  datacenters = var.datacenters
  node_pool   = var.node_pool
  type        = "system"

  ui {
    description = "Caddy before Plimsoll: TLS, the page, the API"
  }

  meta {
    release = local.release
  }

  # one client after another: the ports are fixed, so an edge is gone for a moment while it is replaced
  update {
    max_parallel     = 1
    stagger          = "30s"
    health_check     = "checks"
    min_healthy_time = "10s"
    healthy_deadline = "2m"
  }

  group "edge" {
    # Deregister, wait, SIGTERM, drain, SIGKILL: whoever balances over the edges leaves this one out first.
    shutdown_delay = "5s"

    restart {
      attempts         = 5
      interval         = "5m"
      delay            = "5s"
      mode             = "delay" # its ports are here and nowhere else
      render_templates = true
    }

    network {
      mode = "host"
      port "http" {
        static = var.http_port
      }
      port "https" {
        static = var.https_port
      }
      port "inside" {
        static = var.inside_port
      }
    }

    dynamic "volume" {
      for_each = var.driver == "raw_exec" ? {} : { for name, source in { data = var.data_volume, logs = var.log_volume } : name => source if source != "" }
      labels   = [volume.key]
      content {
        type      = "host"
        source    = volume.value
        read_only = false
      }
    }

    service {
      name     = "plimsoll-edge"
      provider = "consul"
      port     = "https"
      tags     = ["release-${local.release}"]

      meta {
        release = local.release
        alloc   = "${NOMAD_ALLOC_ID}"
      }

      # lives: the page comes from the edge itself, whatever the API does
      check {
        name     = "alive"
        type     = "http"
        port     = "inside"
        path     = "/"
        interval = "5s"
        timeout  = "2s"
        check_restart {
          limit = 3
          grace = "20s"
        }
      }

      # serves: a certificate is there and the listener accepts
      check {
        name     = "ready"
        type     = "tcp"
        interval = "5s"
        timeout  = "2s"
      }
    }

    service {
      name     = "plimsoll-inside"
      provider = "consul"
      port     = "inside"
    }

    # Without an image nobody has written down the headers of the page: they name its scripts by their hashes.
    dynamic "task" {
      for_each = local.contained ? [] : ["headers"]
      labels   = [task.value]
      content {
        driver       = var.driver
        kill_timeout = "5s"

        lifecycle {
          hook = "prestart"
        }

        config {
          command = local.node
          args    = ["${var.checkout}/scripts/edge/page-headers.ts", "${var.checkout}/web/build", "${NOMAD_ALLOC_DIR}/page-headers.caddy"]
        }

        resources {
          cpu    = 100
          memory = 256
        }
      }
    }

    task "caddy" {
      driver      = var.driver
      kill_signal = "SIGTERM"
      # Caddy's grace_period 10 s + closing its listeners 5 s
      kill_timeout = "15s"

      dynamic "config" {
        for_each = local.contained ? [1] : []
        content {
          image           = var.image
          network_mode    = "host" # the addresses of clients as they are, and Consul's DNS on the loopback
          readonly_rootfs = true
          cap_drop        = ["all"]
          cap_add         = ["net_bind_service"] # 80 and 443 without being root
          pids_limit      = 256
        }
      }

      dynamic "config" {
        for_each = local.contained ? [] : [1]
        content {
          command = var.caddy
          args    = ["run", "--config", "${var.checkout}/nomad/Caddyfile", "--adapter", "caddyfile"]
        }
      }

      dynamic "volume_mount" {
        for_each = var.driver == "raw_exec" ? {} : { for name, at in { data = "/data", logs = "/var/log/plimsoll" } : name => at if { data = var.data_volume, logs = var.log_volume }[name] != "" }
        content {
          volume      = volume_mount.key
          destination = volume_mount.value
          read_only   = false
        }
      }

      dynamic "vault" {
        for_each = var.tls == "vault" ? [var.vault_role] : []
        content {
          role        = vault.value
          env         = false
          change_mode = "noop"
        }
      }

      # Caddy reads a certificate at its start: a new one replaces the process, on one client after another.
      dynamic "template" {
        for_each = var.tls == "vault" ? { "tls.crt" = "certificate", "tls.key" = "private_key" } : {}
        content {
          destination = "${NOMAD_SECRETS_DIR}/${template.key}"
          change_mode = "restart"
          splay       = "5m"
          data        = "{{ with secret \"secret/data/${var.vault_tls_path}\" }}{{ .Data.data.${template.value} }}{{ end }}"
        }
      }

      env = merge({
        XDG_DATA_HOME    = local.data_dir
        XDG_CONFIG_HOME  = "${NOMAD_ALLOC_DIR}/tmp"
        EDGE_SITE        = var.site
        EDGE_TLS         = var.tls == "vault" ? local.tls_files : var.tls
        EDGE_HTTP_PORT   = "${NOMAD_PORT_http}"
        EDGE_HTTPS_PORT  = "${NOMAD_PORT_https}"
        EDGE_INSIDE_PORT = "${NOMAD_PORT_inside}"
        EDGE_BIND        = "${NOMAD_IP_https}"
        EDGE_INSIDE_BIND = "${NOMAD_IP_inside}"
        EDGE_API         = var.api_name
        EDGE_RESOLVER    = var.resolver
        EDGE_LOG         = "${local.log_dir}/access.ndjson"
        EDGE_RELEASE     = local.release
        }, local.contained ? {} : {
        EDGE_WEB     = "${var.checkout}/web/build"
        EDGE_HEADERS = "${NOMAD_ALLOC_DIR}/page-headers.caddy"
      })

      resources {
        cpu    = 300
        memory = 128
      }

      logs {
        max_files     = 3
        max_file_size = 10
      }
    }
  }
}
