# frozen_string_literal: true

# A small OneChat on a real Action Cable, for end-to-end tests: one process, state in memory.
#
# Environment:
#   IDENTITIES       the identities file (JSON lines); required
#   AGENT_EXPIRY     seconds an agent stays online after a beat (60)
#   CONTACT_EXPIRY   the same of a contact (60)
#   CABLE_REDIS_URL  use Action Cable's redis adapter, and keep presence there; else the async adapter
#   CABLE_WORKERS    threads of Action Cable's worker pool (4, its default)
#   CONTACT_UPDATED  1: a contact's message is followed by contact.updated on the account's stream
#   EXIT_WITH_STDIN  1: end when standard input closes, however the parent ended

require "logger"
require "active_support"
require "active_support/core_ext"
require "action_cable"

require_relative "directory"
require_relative "presence"
require_relative "payloads"
require_relative "help_desk"
require_relative "room_channel"
require_relative "rest"

redis_url = ENV["CABLE_REDIS_URL"].presence
expiry_s = { agent: Integer(ENV.fetch("AGENT_EXPIRY", "60")), contact: Integer(ENV.fetch("CONTACT_EXPIRY", "60")) }

ActionCable.server.config.tap do |config|
  config.logger = Logger.new($stderr, level: Logger::WARN)
  config.cable = redis_url ? { "adapter" => "redis", "url" => redis_url } : { "adapter" => "async" }
  config.cable["channel_prefix"] = "onechat"
  config.connection_class = -> { ApplicationCable::Connection }
  config.worker_pool_size = Integer(ENV.fetch("CABLE_WORKERS", "4"))
  config.allow_same_origin_as_host = true
  config.allowed_request_origins = [nil] # tools that send no Origin
end

require "redis" if redis_url
store = redis_url ? Presence::Shared.new(Redis.new(url: redis_url)) : Presence::Memory.new
OneChat.directory = Directory.read(ENV.fetch("IDENTITIES"))
OneChat.presence = Presence.new(store, expiry_s)
desk = HelpDesk.new(OneChat.directory, OneChat.presence, ActionCable.server.method(:broadcast),
                    contact_updated: ENV["CONTACT_UPDATED"] == "1")

if ENV["EXIT_WITH_STDIN"] == "1"
  Thread.new do
    $stdin.read
    exit!(0) # not puma's SIGTERM, whose exit status depends on how far its start had come
  end
end

map("/cable") { run ActionCable.server }
run Rest.new(OneChat.directory, OneChat.presence, desk)
