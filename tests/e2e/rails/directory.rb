# frozen_string_literal: true

require "json"

# Who is who: the toolkit's identities file, read once and never changed afterwards (hence safe to share by threads).
class Directory
  # Nobody, or nothing, by that name; what a database's `find_by!` would raise.
  class NotFound < StandardError; end

  Agent = Struct.new(:user_id, :account_ids, :role, :inbox_ids, :pubsub_token, :access_token, :name,
                     keyword_init: true) do
    def in_account?(account_id)
      account_ids.include?(account_id)
    end

    # Administrators see every inbox of their accounts, agents those they are members of.
    def sees?(account_id, inbox_id)
      in_account?(account_id) && (role == "administrator" || inbox_ids.include?(inbox_id))
    end
  end

  # `number` counts the contacts of the file from 1 and serves as the id of the contact's place in its inbox.
  Contact = Struct.new(:number, :contact_id, :account_id, :inbox_id, :inbox_identifier, :source_id, :pubsub_token,
                       :hmac_verified, :conversation_ids, :name, keyword_init: true)

  attr_reader :agents, :contacts

  # Reads the JSON lines of `path`; lines of another kind than agent and contact (the header) are passed over.
  def self.read(path)
    rows = File.foreach(path, encoding: "UTF-8").map { |line| JSON.parse(line) unless line.strip.empty? }.compact
    agents = rows.select { |row| row["kind"] == "agent" }.map { |row| Agent.new(**members(Agent, row)) }
    contacts = rows.select { |row| row["kind"] == "contact" }.map.with_index(1) do |row, number|
      Contact.new(number: number, conversation_ids: [], **members(Contact, row))
    end
    new(agents, contacts)
  end

  def self.members(struct, row)
    row.transform_keys(&:to_sym).slice(*struct.members)
  end
  private_class_method :members

  def initialize(agents, contacts)
    @agents = agents
    @contacts = contacts
    @agents_by_access_token = agents.to_h { |agent| [agent.access_token, agent] }
    @agents_by_pubsub_token = agents.to_h { |agent| [agent.pubsub_token, agent] }
    @contacts_by_pubsub_token = contacts.to_h { |contact| [contact.pubsub_token, contact] }
    @contacts_by_source = contacts.to_h { |contact| [[contact.inbox_identifier, contact.source_id], contact] }
  end

  # The agent whose REST token this is, or nil.
  def agent_by_access_token(token)
    @agents_by_access_token[token]
  end

  # The agent that subscribes with this token and these ids; raises NotFound unless all three belong together.
  def agent_for_subscription(pubsub_token, user_id, account_id)
    agent = @agents_by_pubsub_token[pubsub_token]
    return agent if agent && agent.user_id == user_id && agent.in_account?(account_id)

    raise NotFound, "no user with that token, id and account"
  end

  def contact_for_subscription(pubsub_token)
    @contacts_by_pubsub_token.fetch(pubsub_token) { raise NotFound, "no contact with that token" }
  end

  def contact_at(inbox_identifier, source_id)
    @contacts_by_source.fetch([inbox_identifier, source_id]) { raise NotFound, "no contact of that name at the inbox" }
  end

  # Members of the inbox and administrators of the account, each once.
  def agents_seeing(account_id, inbox_id)
    @agents.select { |agent| agent.sees?(account_id, inbox_id) }
  end
end
