# frozen_string_literal: true

require "json"

# The REST calls the toolkit makes, as a Rack application: the paths of loadtest/api/calls.py and a health page.
class Rest
  # The caller may not do that, or is unknown.
  class Unauthorized < StandardError; end

  CONTACT = "/public/api/v1/inboxes/(?<inbox>[^/]+)/contacts/(?<source>[^/]+)"
  CONTACTS_CONVERSATION = "#{CONTACT}/conversations/(?<conversation>\\d+)"
  ACCOUNT = "/api/v1/accounts/(?<account>\\d+)"
  CONVERSATION = "#{ACCOUNT}/conversations/(?<conversation>\\d+)"
  KNOWN = %w[name email phone_number identifier additional_attributes custom_attributes].freeze
  ROUTES = [
    ["GET", %r{\A/api\z}, :health],
    ["POST", %r{\A#{CONTACT}/conversations\z}, :contact_create_conversation],
    ["POST", %r{\A#{CONTACTS_CONVERSATION}/messages\z}, :contact_send_message],
    ["PATCH", %r{\A#{CONTACTS_CONVERSATION}/messages/(?<message>\d+)\z}, :contact_update_message],
    ["POST", %r{\A#{CONTACTS_CONVERSATION}/toggle_typing\z}, :contact_toggle_typing],
    ["POST", %r{\A#{CONTACTS_CONVERSATION}/update_last_seen\z}, :contact_update_last_seen],
    ["POST", %r{\A#{CONVERSATION}/messages\z}, :agent_send_message],
    ["POST", %r{\A#{CONVERSATION}/toggle_typing_status\z}, :agent_toggle_typing],
    ["POST", %r{\A#{CONVERSATION}/update_last_seen\z}, :agent_update_last_seen],
    ["POST", %r{\A#{CONVERSATION}/toggle_status\z}, :agent_toggle_status],
    ["POST", %r{\A#{CONVERSATION}/assignments\z}, :agent_assign],
    ["GET", %r{\A#{ACCOUNT}/teams\z}, :agent_list_teams],
    ["POST", %r{\A#{ACCOUNT}/contacts\z}, :agent_create_contact],
    ["PUT", %r{\A#{ACCOUNT}/contacts/(?<contact>\d+)\z}, :agent_update_contact],
    ["POST", %r{\A#{ACCOUNT}/actions/contact_merge\z}, :agent_merge_contacts],
    ["POST", %r{\A/api/v1/profile/availability\z}, :agent_set_availability]
  ].freeze

  def initialize(directory, presence, desk)
    @directory = directory
    @presence = presence
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
    message = @desk.agent_message(agent, conversation, body["content"], body["echo_id"], body["content_type"],
                                  private: body["private"] == true)
    Payloads.message(message).slice(:id, :content, :inbox_id, :echo_id, :conversation_id, :message_type, :content_type,
                                    :status, :content_attributes, :created_at, :private, :source_id, :sender)
  end

  def agent_toggle_typing(match, body, env)
    agent, conversation = agent_and_conversation(match, env)
    @desk.agent_typing(agent, conversation, body["typing_status"])
    nil
  end

  def contact_update_message(match, body, _env)
    message = @desk.answer(contact_of(match), match[:conversation].to_i, match[:message].to_i,
                           body.fetch("submitted_values", []))
    Payloads.message(message).slice(:id, :content, :message_type, :content_type, :content_attributes, :created_at,
                                    :conversation_id, :sender)
  end

  def contact_update_last_seen(match, _body, _env)
    @desk.contact_read(contact_of(match), match[:conversation].to_i)
    nil
  end

  def agent_update_last_seen(match, _body, env)
    _, conversation = agent_and_conversation(match, env)
    @desk.agent_read(conversation)
    @desk.shown(conversation)
  end

  def agent_toggle_status(match, body, env)
    _, conversation = agent_and_conversation(match, env)
    @desk.toggle_status(conversation, body["status"])
    { meta: {}, payload: { success: true, current_status: conversation.status, conversation_id: conversation.id } }
  end

  # An id that is nobody's, such as 0, assigns to nobody.
  def agent_assign(match, body, env)
    _, conversation = agent_and_conversation(match, env)
    if body.key?("assignee_id")
      agent = @directory.agent(conversation.account_id, body["assignee_id"])
      @desk.assign_agent(conversation, agent)
      return agent ? { id: agent.user_id, name: agent.name } : :nobody
    end
    team = @directory.teams(conversation.account_id).find { |one| one.id == body["team_id"] }
    @desk.assign_team(conversation, team)
    team ? team.to_h : :nobody
  end

  def agent_list_teams(match, _body, env)
    _, account_id = agent_and_account(match, env)
    @directory.teams(account_id).map(&:to_h)
  end

  def agent_create_contact(match, body, env)
    _, account_id = agent_and_account(match, env)
    contact = @desk.create_contact(account_id, body["inbox_id"], known(body))
    { payload: { contact: contact_data(contact),
                 contact_inbox: { source_id: contact.source_id, inbox: { id: contact.inbox_id } } } }
  end

  def agent_update_contact(match, body, env)
    _, account_id = agent_and_account(match, env)
    contact = @desk.update_contact(@directory.person(account_id, match[:contact].to_i), known(body))
    { payload: contact_data(contact) }
  end

  def agent_merge_contacts(match, body, env)
    _, account_id = agent_and_account(match, env)
    base, mergee = body.values_at("base_contact_id", "mergee_contact_id").map do |id|
      @directory.person(account_id, id)
    end
    contact_data(@desk.merge_contacts(base, mergee))
  end

  # Told to nobody before they ask.
  def agent_set_availability(_match, body, env)
    agent = agent_of(env)
    account_id, status = body.fetch("profile", {}).values_at("account_id", "availability")
    raise Unauthorized, "not a member of this account" unless agent.in_account?(account_id)

    @presence.choose(account_id, agent.user_id, status)
    { id: agent.user_id, name: agent.name, accounts: [{ id: account_id, availability: status }] }
  end

  def known(body)
    body.slice(*KNOWN).transform_keys(&:to_sym)
  end

  def contact_data(contact)
    Payloads.contact(contact).except(:pubsub_token, :type)
  end

  def contact_of(match)
    @directory.contact_at(match[:inbox], match[:source])
  end

  def agent_of(env)
    @directory.agent_by_access_token(env["HTTP_API_ACCESS_TOKEN"]) || raise(Unauthorized, "invalid access token")
  end

  def agent_and_account(match, env)
    agent = agent_of(env)
    account_id = match[:account].to_i
    raise Unauthorized, "not a member of this account" unless agent.in_account?(account_id)

    [agent, account_id]
  end

  def agent_and_conversation(match, env)
    agent, account_id = agent_and_account(match, env)
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

  # `content` nil is an answer without a body, :nobody is JSON's null.
  def answer(status, content)
    return [status, { "content-type" => "text/html", "content-length" => "0" }, []] if content.nil?

    text = content == :nobody ? "null" : JSON.generate(content)
    [status, { "content-type" => "application/json; charset=utf-8" }, [text]]
  end
end
