# frozen_string_literal: true

# What the cable needs to know of the installation; set once by config.ru before the first request.
module OneChat
  class << self
    attr_accessor :directory, :presence
  end
end

module ApplicationCable
  # Anybody may connect: only the subscription is checked.
  class Connection < ActionCable::Connection::Base; end
end

# The one channel. A user or a contact is looked up by its token; a lookup that fails raises inside `subscribed`, which
# Action Cable logs and answers with silence, neither confirmed nor rejected.
class RoomChannel < ActionCable::Channel::Base
  def update_presence
    return unless @account_id

    beat
    tell_presence
  end

  private

  def subscribed
    find_identity
    stream_from params[:pubsub_token]
    stream_from "account_#{@account_id}" if @kind == :agent
    beat
    tell_presence
  end

  # Without a user_id the token is taken for a contact's.
  def find_identity
    if params[:user_id].nil?
      contact = OneChat.directory.contact_for_subscription(params[:pubsub_token])
      @kind, @id, @account_id = :contact, contact.contact_id, contact.account_id
    else
      user_id, account_id = params.values_at(:user_id, :account_id).map { |id| Integer(id, exception: false) }
      OneChat.directory.agent_for_subscription(params[:pubsub_token], user_id, account_id)
      @kind, @id, @account_id = :agent, user_id, account_id
    end
  end

  def beat
    OneChat.presence.beat(@kind, @account_id, @id)
  end

  # Told to the sockets of the own token alone; contacts learn nothing of other contacts.
  def tell_presence
    data = { account_id: @account_id, users: online(:agent) }
    data[:contacts] = online(:contact) if @kind == :agent
    ActionCable.server.broadcast(params[:pubsub_token], { event: "presence.update", data: data })
  end

  def online(kind)
    OneChat.presence.statuses(kind, @account_id).transform_keys(&:to_s)
  end
end
