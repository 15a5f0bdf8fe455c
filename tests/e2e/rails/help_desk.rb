# frozen_string_literal: true

require "securerandom"

# Conversations, messages and contacts, and the events that follow from what agents and contacts do.
#
# State changes under one lock; broadcasts go out after it is released, one per token, as upstream's listener sends
# them. They precede the REST answer, so a frame may overtake the answer of the call that caused it.
class HelpDesk
  UNREAD_SHOWN = 10 # upstream counts no further
  STATUSES = %w[open resolved pending snoozed].freeze

  Conversation = Struct.new(:id, :uuid, :account_id, :contact, :created_at, :last_message, :unread_count, :status,
                            :assignee, :team, :agent_last_seen_at, :contact_last_seen_at, :questions,
                            keyword_init: true)
  Message = Struct.new(:id, :echo_id, :content, :account_id, :inbox_id, :conversation_id, :type, :private, :sender,
                       :created_at, :updated_at, :content_type, :content_attributes, keyword_init: true)

  # `broadcast` is called with a stream's name and a message. With `contact_updated` each contact's message is followed
  # by contact.updated on the account's stream, as newer releases send it.
  def initialize(directory, presence, broadcast, contact_updated: false)
    @directory = directory
    @presence = presence
    @broadcast = broadcast
    @contact_updated = contact_updated
    @lock = Mutex.new
    @conversations = {}
    @last_conversation_id = Hash.new(0)
    @last_message_id = 0
    directory.contacts.each { |contact| contact.conversation_ids.each { |id| open(contact, id) } }
  end

  # Answers the new conversation; agents hear of it, the contact does not.
  def create_conversation(contact)
    conversation = @lock.synchronize { open(contact, @last_conversation_id[contact.account_id] + 1) }
    tell_of(conversation, "conversation.created")
    conversation
  end

  # A conversation that was done with is opened again first.
  def contact_message(contact, conversation_id, content, echo_id)
    conversation = conversation_of(contact, conversation_id)
    toggle_status(conversation, "open") if %w[resolved snoozed].include?(conversation.status)
    message = add(conversation, type: :incoming, private: false, content: content, echo_id: echo_id,
                                content_type: "text", sender: Payloads.contact(contact))
    tell(agent_tokens(conversation) + [contact.pubsub_token], "message.created", Payloads.message(message))
    tell_account("contact.updated", contact) if @contact_updated
    message
  end

  # A private note is told to agents only.
  def agent_message(agent, conversation, content, echo_id, content_type, private:)
    message = add(conversation, type: :outgoing, private: private, content: content, echo_id: echo_id,
                                content_type: content_type || "text", sender: user(agent, conversation.account_id))
    tokens = agent_tokens(conversation)
    tokens += [conversation.contact.pubsub_token] unless private
    tell(tokens, "message.created", Payloads.message(message))
    message
  end

  # The contact answers a question; of an e-mail form the first value is the address.
  def answer(contact, conversation_id, message_id, values)
    conversation = conversation_of(contact, conversation_id)
    message = @lock.synchronize do
      asked = conversation.questions[message_id] || raise(Directory::NotFound, "no such question")
      asked.content_attributes = { submitted_email: values.first&.fetch("value", nil) }
      asked.updated_at = Time.now
      asked
    end
    data = Payloads.message(message).except(:echo_id)
    tell(agent_tokens(conversation) + [contact.pubsub_token], "message.updated", data)
    message
  end

  def contact_typing(contact, conversation_id, status)
    conversation = conversation_of(contact, conversation_id)
    typing(conversation, status, Payloads.contact(contact), contact.pubsub_token)
  end

  def agent_typing(agent, conversation, status)
    typing(conversation, status, user(agent, conversation.account_id), agent.pubsub_token)
  end

  def contact_read(contact, conversation_id)
    conversation = conversation_of(contact, conversation_id)
    @lock.synchronize { conversation.contact_last_seen_at = Time.now }
    tell_of(conversation, "conversation.read")
  end

  # Nobody is told.
  def agent_read(conversation)
    @lock.synchronize do
      conversation.agent_last_seen_at = Time.now
      conversation.unread_count = 0
    end
  end

  # Without a status an open conversation is resolved, any other opened; a status it has already is told to nobody.
  def toggle_status(conversation, status)
    changed = change(conversation, :status, status || (conversation.status == "open" ? "resolved" : "open"))
    tell_of(conversation, "conversation.status_changed", contact: true) if changed
  end

  def assign_agent(conversation, agent)
    tell_of(conversation, "assignee.changed") if change(conversation, :assignee, agent)
  end

  def assign_team(conversation, team)
    tell_of(conversation, "team.changed") if change(conversation, :team, team)
  end

  def create_contact(account_id, inbox_id, known)
    contact = @lock.synchronize { @directory.make(account_id, inbox_id, **known) }
    tell_account("contact.created", contact)
    contact
  end

  def update_contact(person, known)
    @lock.synchronize { known.each { |key, value| person[key] = value } }
    contact = @directory.place_of(person)
    tell_account("contact.updated", contact)
    contact
  end

  # The conversations and places of `mergee` become those of `base`.
  def merge_contacts(base, mergee)
    return @directory.place_of(base) if base.equal?(mergee)

    moved = @lock.synchronize do
      found = @conversations.values.select { |conversation| conversation.contact.person.equal?(mergee) }
      @directory.merge(base, mergee)
      found
    end
    moved.each { |conversation| tell_of(conversation, "conversation.contact_changed") }
    update_contact(base, { email: base.email || mergee.email })
  end

  # The conversation of that id in the account; raises Directory::NotFound.
  def conversation(account_id, id)
    @lock.synchronize { @conversations[[account_id, id]] } || raise(Directory::NotFound, "no such conversation")
  end

  # The data of an event about the conversation.
  def shown(conversation)
    @lock.synchronize { conversation_data(conversation).merge(account_id: conversation.account_id) }
  end

  private

  def conversation_of(contact, id)
    found = conversation(contact.account_id, id)
    return found if found.contact.person.equal?(contact.person)

    raise Directory::NotFound, "a conversation of somebody else"
  end

  def open(contact, id)
    @last_conversation_id[contact.account_id] = [@last_conversation_id[contact.account_id], id].max
    @conversations[[contact.account_id, id]] = Conversation.new(
      id: id, uuid: SecureRandom.uuid, account_id: contact.account_id, contact: contact, created_at: Time.now,
      unread_count: 0, status: "open", questions: {}
    )
  end

  # An agent who writes has read what was there.
  def add(conversation, **fields)
    @lock.synchronize do
      now = Time.now
      message = Message.new(id: @last_message_id += 1, account_id: conversation.account_id,
                            inbox_id: conversation.contact.inbox_id, conversation_id: conversation.id,
                            created_at: now, updated_at: now, content_attributes: {}, **fields)
      if message.type == :incoming
        conversation.unread_count = [conversation.unread_count + 1, UNREAD_SHOWN].min
      else
        conversation.unread_count = 0
        conversation.agent_last_seen_at = message.created_at
      end
      conversation.last_message = message unless message.private
      conversation.questions[message.id] = message if message.content_type == "input_email" && !message.private
      message
    end
  end

  # Whether the attribute has another value now.
  def change(conversation, attribute, value)
    @lock.synchronize do
      before = conversation[attribute]
      conversation[attribute] = value
      before != value
    end
  end

  # Whoever types is not told so, in any of its sockets; any other status than on and off says nothing.
  def typing(conversation, status, actor, own_token)
    return unless %w[on off].include?(status)

    data = @lock.synchronize do
      { conversation: conversation_data(conversation), user: actor, account_id: conversation.account_id }
    end
    tokens = agent_tokens(conversation) + [conversation.contact.pubsub_token]
    tell(tokens - [own_token], "conversation.typing_#{status}", data)
  end

  def conversation_data(conversation)
    assignee = conversation.assignee
    Payloads.conversation(conversation, assignee && user(assignee, conversation.account_id))
  end

  def user(agent, account_id)
    Payloads.user(agent, @presence.status(:agent, account_id, agent.user_id))
  end

  def agent_tokens(conversation)
    @directory.agents_seeing(conversation.account_id, conversation.contact.inbox_id).map(&:pubsub_token)
  end

  def tell_of(conversation, event, contact: false)
    tokens = agent_tokens(conversation)
    tokens += [conversation.contact.pubsub_token] if contact
    tell(tokens, event, shown(conversation))
  end

  def tell_account(event, contact)
    tell(["account_#{contact.account_id}"], event, Payloads.contact(contact).merge(account_id: contact.account_id))
  end

  def tell(tokens, event, data)
    tokens.uniq.each { |token| @broadcast.call(token, { event: event, data: data }) }
  end
end
