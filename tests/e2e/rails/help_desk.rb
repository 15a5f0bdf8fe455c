# frozen_string_literal: true

require "securerandom"

# Conversations and messages, and the events that follow from what agents and contacts do.
#
# State changes under one lock; broadcasts go out after it is released, one per token, as upstream's listener sends
# them. They precede the REST answer, so a frame may overtake the answer of the call that caused it.
class HelpDesk
  UNREAD_SHOWN = 10 # upstream counts no further

  Conversation = Struct.new(:id, :uuid, :account_id, :contact, :created_at, :last_message, :unread_count,
                            :agent_last_seen_at, keyword_init: true)
  Message = Struct.new(:id, :echo_id, :content, :account_id, :inbox_id, :conversation_id, :type, :private, :sender,
                       :created_at, keyword_init: true)

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
    conversation, data = @lock.synchronize do
      opened = open(contact, @last_conversation_id[contact.account_id] + 1)
      [opened.dup, Payloads.conversation(opened).merge(account_id: contact.account_id)]
    end
    tell(agent_tokens(conversation), "conversation.created", data)
    conversation
  end

  def contact_message(contact, conversation_id, content, echo_id)
    conversation = conversation_of(contact, conversation_id)
    message = add(conversation, type: :incoming, private: false, content: content, echo_id: echo_id,
                                sender: Payloads.contact(contact))
    tell(agent_tokens(conversation) + [contact.pubsub_token], "message.created", Payloads.message(message))
    if @contact_updated
      data = Payloads.contact(contact).merge(account_id: contact.account_id)
      tell(["account_#{contact.account_id}"], "contact.updated", data)
    end
    message
  end

  # A private note is told to agents only.
  def agent_message(agent, conversation, content, echo_id, private:)
    message = add(conversation, type: :outgoing, private: private, content: content, echo_id: echo_id,
                                sender: user(agent, conversation.account_id))
    tokens = agent_tokens(conversation)
    tokens += [conversation.contact.pubsub_token] unless private
    tell(tokens, "message.created", Payloads.message(message))
    message
  end

  def contact_typing(contact, conversation_id, status)
    conversation = conversation_of(contact, conversation_id)
    typing(conversation, status, Payloads.contact(contact), contact.pubsub_token)
  end

  def agent_typing(agent, conversation, status)
    typing(conversation, status, user(agent, conversation.account_id), agent.pubsub_token)
  end

  # The conversation of that id in the account; raises Directory::NotFound.
  def conversation(account_id, id)
    @lock.synchronize { @conversations[[account_id, id]] } || raise(Directory::NotFound, "no such conversation")
  end

  private

  def conversation_of(contact, id)
    found = conversation(contact.account_id, id)
    return found if found.contact.equal?(contact)

    raise Directory::NotFound, "a conversation of somebody else"
  end

  def open(contact, id)
    @last_conversation_id[contact.account_id] = [@last_conversation_id[contact.account_id], id].max
    @conversations[[contact.account_id, id]] = Conversation.new(
      id: id, uuid: SecureRandom.uuid, account_id: contact.account_id, contact: contact, created_at: Time.now,
      unread_count: 0
    )
  end

  # An agent who writes has read what was there.
  def add(conversation, **fields)
    @lock.synchronize do
      message = Message.new(id: @last_message_id += 1, account_id: conversation.account_id,
                            inbox_id: conversation.contact.inbox_id, conversation_id: conversation.id,
                            created_at: Time.now, **fields)
      if message.type == :incoming
        conversation.unread_count = [conversation.unread_count + 1, UNREAD_SHOWN].min
      else
        conversation.unread_count = 0
        conversation.agent_last_seen_at = message.created_at
      end
      conversation.last_message = message unless message.private
      message
    end
  end

  # Whoever types is not told so, in any of its sockets; any other status than on and off says nothing.
  def typing(conversation, status, actor, own_token)
    return unless %w[on off].include?(status)

    data = @lock.synchronize do
      { conversation: Payloads.conversation(conversation), user: actor, account_id: conversation.account_id }
    end
    tokens = agent_tokens(conversation) + [conversation.contact.pubsub_token]
    tell(tokens - [own_token], "conversation.typing_#{status}", data)
  end

  def user(agent, account_id)
    Payloads.user(agent, @presence.online?(:agent, account_id, agent.user_id) ? "online" : "offline")
  end

  def agent_tokens(conversation)
    @directory.agents_seeing(conversation.account_id, conversation.contact.inbox_id).map(&:pubsub_token)
  end

  def tell(tokens, event, data)
    tokens.uniq.each { |token| @broadcast.call(token, { event: event, data: data }) }
  end
end
