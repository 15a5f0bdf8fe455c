# frozen_string_literal: true

require "json"

# The REST calls the toolkit makes, as a Rack application: the paths of loadtest/api/calls.py and a health page.
class Rest
  # The caller may not do that, or is unknown.
  class Unauthorized < StandardError; end

  CONTACT = "/public/api/v1/inboxes/(?<inbox>[^/]+)/contacts/(?<source>[^/]+)"
  CONVERSATIONS = "/api/v1/accounts/(?<account>\\d+)/conversations/(?<conversation>\\d+)"
  ROUTES = [
    ["GET", %r{\A/api\z}, :health],
    ["POST", %r{\A#{CONTACT}/conversations\z}, :contact_create_conversation],
    ["POST", %r{\A#{CONTACT}/conversations/(?<conversation>\d+)/messages\z}, :contact_send_message],
    ["POST", %r{\A#{CONTACT}/conversations/(?<conversation>\d+)/toggle_typing\z}, :contact_toggle_typing],
    ["POST", %r{\A#{CONVERSATIONS}/messages\z}, :agent_send_message],
    ["POST", %r{\A#{CONVERSATIONS}/toggle_typing_status\z}, :agent_toggle_typing]
  ].freeze

  def initialize(directory, desk)
    @directory = directory
    @desk = desk
  end

  def call(env)
    method, path = env.values_at("REQUEST_METHOD", "PATH_INFO")
    ROUTES.each do |verb, pattern, action|
      match = pattern.match(path) if verb == method
      return answer(200, send(action, match, body_of(env), env)) if match
    end
    answer(404, { error: "no such address" })
  rescue Unauthorized => e
    answer(401, { error: e.message })
  rescue Directory::NotFound => e
    answer(404, { error: e.message })
  rescue JSON::ParserError
    answer(400, { error: "the body is not a JSON object" })
  end

  private

  def health(_match, _body, _env)
    { version: "action-cable-#{ActionCable.version}", queue_services: "ok", data_services: "ok" }
  end

  def contact_create_conversation(match, _body, _env)
    contact = contact_of(match)
    conversation = @desk.create_conversation(contact)
    {
      id: conversation.id, uuid: conversation.uuid, inbox_id: contact.inbox_id, status: "open",
      agent_last_seen_at: 0, contact_last_seen_at: 0, messages: [], contact: Payloads.contact(contact)
    }
  end

  # Answers no echo_id; upstream gives it back on the cable only.
  def contact_send_message(match, body, _env)
    message = @desk.contact_message(contact_of(match), match[:conversation].to_i, body["content"], body["echo_id"])
    Payloads.message(message).slice(:id, :content, :message_type, :content_type, :content_attributes, :created_at,
                                    :conversation_id, :sender)
  end

  def contact_toggle_typing(match, body, _env)
    @desk.contact_typing(contact_of(match), match[:conversation].to_i, body["typing_status"])
    nil
  end

  def agent_send_message(match, body, env)
    agent, conversation = agent_and_conversation(match, env)
    private_note = body["private"] == true
    message = @desk.agent_message(agent, conversation, body["content"], body["echo_id"], private: private_note)
    Payloads.message(message).slice(:id, :content, :inbox_id, :echo_id, :conversation_id, :message_type, :content_type,
                                    :status, :content_attributes, :created_at, :private, :source_id, :sender)
  end

  def agent_toggle_typing(match, body, env)
    agent, conversation = agent_and_conversation(match, env)
    @desk.agent_typing(agent, conversation, body["typing_status"])
    nil
  end

  def contact_of(match)
    @directory.contact_at(match[:inbox], match[:source])
  end

  def agent_and_conversation(match, env)
    account_id = match[:account].to_i
    agent = @directory.agent_by_access_token(env["HTTP_API_ACCESS_TOKEN"])
    raise Unauthorized, "invalid access token" unless agent
    raise Unauthorized, "not a member of this account" unless agent.in_account?(account_id)

    conversation = @desk.conversation(account_id, match[:conversation].to_i)
    raise Unauthorized, "not a member of this inbox" unless agent.sees?(account_id, conversation.contact.inbox_id)

    [agent, conversation]
  end

  # A body that does not say it is JSON is not read, as Rails does not.
  def body_of(env)
    return {} unless env["CONTENT_TYPE"].to_s.start_with?("application/json")

    text = env["rack.input"].read
    return {} if text.empty?

    body = JSON.parse(text)
    raise JSON::ParserError, "not an object" unless body.is_a?(Hash)

    body
  end

  # `content` nil is an answer without a body.
  def answer(status, content)
    return [status, { "content-type" => "text/html", "content-length" => "0" }, []] if content.nil?

    [status, { "content-type" => "application/json; charset=utf-8" }, [JSON.generate(content)]]
  end
end
