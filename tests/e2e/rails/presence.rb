# frozen_string_literal: true

# Who counts as online: everybody whose last beat is at most the expiry ago, in whole seconds as upstream counts them.
#
# Nothing leaves when a socket closes; only time takes somebody off the list.
class Presence
  # Beats in this process.
  class Memory
    def initialize
      @lock = Mutex.new
      @beats = Hash.new { |hash, key| hash[key] = {} }
    end

    def beat(key, id, at)
      @lock.synchronize { @beats[key][id] = at }
    end

    def since(key, at)
      @lock.synchronize { @beats[key].select { |_, beat| beat >= at }.keys }
    end
  end

  # Beats in Redis, one sorted set a list, so that several processes agree.
  class Shared
    def initialize(redis)
      @redis = redis
    end

    def beat(key, id, at)
      @redis.zadd(key, at, id)
    end

    def since(key, at)
      @redis.zrangebyscore(key, at, "+inf").map(&:to_i)
    end
  end

  # `expiry_s` maps :agent and :contact to seconds.
  def initialize(store, expiry_s)
    @store = store
    @expiry_s = expiry_s
    @chosen = {}
  end

  # How an agent is shown while online, as it chose; known to this process alone.
  def choose(account_id, id, status)
    @chosen = @chosen.merge([account_id, id] => status)
  end

  def beat(kind, account_id, id)
    @store.beat(key(kind, account_id), id, Time.now.to_i)
  end

  # Ids of those online now, ascending.
  def online(kind, account_id)
    @store.since(key(kind, account_id), Time.now.to_i - @expiry_s.fetch(kind)).sort
  end

  # Statuses of those online now, by id.
  def statuses(kind, account_id)
    online(kind, account_id).to_h { |id| [id, kind == :agent ? chosen(account_id, id) : "online"] }
  end

  def status(kind, account_id, id)
    statuses(kind, account_id).fetch(id, "offline")
  end

  def chosen(account_id, id)
    @chosen.fetch([account_id, id], "online")
  end

  private

  def key(kind, account_id)
    "presence:#{account_id}:#{kind}"
  end
end
