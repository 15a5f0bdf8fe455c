# frozen_string_literal: true

require "time"

# The `data` of each event, with the fields of the samples in the document ("Websocket Event payload samples"), in order.
module Payloads
  MESSAGE_TYPES = { incoming: 0, outgoing: 1 }.freeze

  module_function

  def contact(contact)
    person = contact.person
    {
      additional_attributes: person.additional_attributes, custom_attributes: person.custom_attributes,
      email: person.email, id: person.contact_id, identifier: person.identifier, name: person.name,
      phone_number: person.phone_number, pubsub_token: contact.pubsub_token, thumbnail: "", type: "contact"
    }
  end

  def user(agent, availability)
    {
      id: agent.user_id, name: agent.name, available_name: agent.name, avatar_url: "", type: "user",
      availability_status: availability
    }
  end

  # `echo_id` is what the sender gave to recognise its own message by; the field is absent when nothing was given.
  def message(message)
    data = {
      id: message.id, content: message.content, account_id: message.account_id, inbox_id: message.inbox_id,
      conversation_id: message.conversation_id, message_type: MESSAGE_TYPES.fetch(message.type),
      created_at: message.created_at.to_i, updated_at: timestamp(message.updated_at), private: message.private,
      status: "sent", source_id: nil, content_type: message.content_type,
      content_attributes: message.content_attributes,
      sender_type: message.type == :incoming ? "Contact" : "User", sender_id: message.sender.fetch(:id),
      external_source_ids: {}, sender: message.sender
    }
    data[:echo_id] = message.echo_id if message.echo_id
    data
  end

  # A conversation without its account's id, as it stands inside a typing event. Its message has no echo_id, which is
  # never stored. `assignee` is the payload of whoever it is assigned to, or nil.
  def conversation(conversation, assignee)
    {
      additional_attributes: {}, can_reply: true, channel: "Channel::Api", id: conversation.id,
      inbox_id: conversation.contact.inbox_id, contact_inbox: contact_inbox(conversation),
      messages: [conversation.last_message].compact.map { |last| message(last).except(:echo_id) },
      meta: { sender: contact(conversation.contact), assignee: assignee },
      status: conversation.status, unread_count: conversation.unread_count,
      agent_last_seen_at: conversation.agent_last_seen_at.to_i,
      contact_last_seen_at: conversation.contact_last_seen_at.to_i,
      timestamp: (conversation.last_message || conversation).created_at.to_i
    }
  end

  def contact_inbox(conversation)
    contact = conversation.contact
    since = timestamp(conversation.created_at)
    {
      id: contact.number, contact_id: contact.contact_id, inbox_id: contact.inbox_id, source_id: contact.source_id,
      created_at: since, updated_at: since, hmac_verified: contact.hmac_verified ? true : false
    }
  end

  def timestamp(time)
    time.utc.iso8601(3)
  end
end
