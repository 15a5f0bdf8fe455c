# frozen_string_literal: true

require "json"
require "securerandom"

# Who is who: the toolkit's identities file, and the contacts that agents make while the server runs.
class Directory
  # Nobody, or nothing, by that name; what a database's `find_by!` would raise.
  class NotFound < StandardError; end

  TEAMS_PER_ACCOUNT = 2

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

  # What is known of a contact, at however many inboxes.
  Person = Struct.new(:contact_id, :account_id, :name, :email, :phone_number, :identifier, :additional_attributes,
                      :custom_attributes, keyword_init: true)

  # A contact's place at an inbox; `number` counts them from 1 and serves as the place's id. After a merge the place
  # is another person's.
  Contact = Struct.new(:number, :person, :inbox_id, :inbox_identifier, :source_id, :pubsub_token, :hmac_verified,
                       :conversation_ids, keyword_init: true) do
    def contact_id
      person.contact_id
    end

    def account_id
      person.account_id
    end
  end

  Team = Struct.new(:id, :account_id, :name, keyword_init: true)

  attr_reader :agents, :contacts

  # Reads the JSON lines of `path`; lines of another kind than agent and contact (the header) are passed over.
  def self.read(path)
    rows = File.foreach(path, encoding: "UTF-8").map { |line| JSON.parse(line) unless line.strip.empty? }.compact
    agents = rows.select { |row| row["kind"] == "agent" }.map { |row| Agent.new(**members(Agent, row)) }
    people = {}
    contacts = rows.select { |row| row["kind"] == "contact" }.map.with_index(1) do |row, number|
      person = people[row.values_at("account_id", "contact_id")] ||= person(**members(Person, row))
      Contact.new(number: number, person: person, conversation_ids: [], **members(Contact, row))
    end
    new(agents, contacts)
  end

  def self.members(struct, row)
    row.transform_keys(&:to_sym).slice(*struct.members)
  end
  private_class_method :members

  def self.person(**known)
    Person.new(additional_attributes: {}, custom_attributes: {}, **known)
  end

  def initialize(agents, contacts)
    @agents = agents
    @contacts = []
    @agents_by_access_token = agents.to_h { |agent| [agent.access_token, agent] }
    @agents_by_pubsub_token = agents.to_h { |agent| [agent.pubsub_token, agent] }
    @contacts_by_pubsub_token = {}
    @contacts_by_source = {}
    @people = {}
    contacts.each { |contact| add(contact) }
    @last_contact_id = @people.keys.map(&:last).max || 0
    accounts = (agents.flat_map(&:account_ids) + contacts.map(&:account_id)).uniq.sort
    @teams = accounts.flat_map { |id| [id] * TEAMS_PER_ACCOUNT }.map.with_index(1) do |account_id, number|
      Team.new(id: number, account_id: account_id, name: "Team #{number}")
    end
  end

  # The agent whose REST token this is, or nil.
  def agent_by_access_token(token)
    @agents_by_access_token[token]
  end

  # The user of that id in the account, or nil.
  def agent(account_id, user_id)
    @agents.find { |agent| agent.user_id == user_id && agent.in_account?(account_id) }
  end

  def teams(account_id)
    @teams.select { |team| team.account_id == account_id }
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

  def person(account_id, contact_id)
    @people.fetch([account_id, contact_id]) { raise NotFound, "no contact of that id" }
  end

  # Makes a contact with a place at an inbox that some contact of the account writes to already. Its id is new, also
  # where the newest contact was merged away: a database never gives an id twice.
  def make(account_id, inbox_id, **known)
    beside = @contacts.find { |contact| contact.inbox_id == inbox_id && contact.account_id == account_id }
    raise NotFound, "no such inbox" unless beside

    @last_contact_id += 1
    person = Directory.person(contact_id: @last_contact_id, account_id: account_id, **known)
    add(Contact.new(number: @contacts.size + 1, person: person, inbox_id: inbox_id,
                    inbox_identifier: beside.inbox_identifier, source_id: SecureRandom.uuid,
                    pubsub_token: SecureRandom.hex(12), hmac_verified: false, conversation_ids: []))
  end

  # Gives the places of one person to another and forgets the former.
  def merge(base, mergee)
    @contacts.each { |contact| contact.person = base if contact.person.equal?(mergee) }
    @people.delete([mergee.account_id, mergee.contact_id])
  end

  # The first place of a person.
  def place_of(person)
    @contacts.find { |contact| contact.person.equal?(person) }
  end

  # Members of the inbox and administrators of the account, each once.
  def agents_seeing(account_id, inbox_id)
    @agents.select { |agent| agent.sees?(account_id, inbox_id) }
  end

  private

  def add(contact)
    @contacts << contact
    @contacts_by_pubsub_token[contact.pubsub_token] = contact
    @contacts_by_source[[contact.inbox_identifier, contact.source_id]] = contact
    @people[[contact.account_id, contact.contact_id]] = contact.person
    contact
  end
end
