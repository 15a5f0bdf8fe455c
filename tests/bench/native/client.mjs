// Node's `ws`: every message is parsed with JSON.parse, as a client that looks at its events must.
//
// Usage: node client.mjs PATH_OF_WS PORT SOCKETS. Speaks the protocol of tests/bench/gate.py on stdin and stdout.
import { createRequire } from 'node:module'
import fs from 'node:fs'

const require = createRequire(import.meta.url)
const { WebSocket } = require(process.argv[2])
const port = Number(process.argv[3])
const sockets = Number(process.argv[4])

let received = 0
let target = Infinity
let timing = false
let latencies = []
let reached = () => {}

const say = (value) => fs.writeSync(1, (typeof value === 'string' ? value : JSON.stringify(value)) + '\n')

let rest = ''
function line() { // blocks the event loop as well: see tests/bench/gate.py
  const buffer = Buffer.alloc(4096)
  while (!rest.includes('\n')) {
    const size = fs.readSync(0, buffer, 0, buffer.length, null)
    if (size === 0) return []
    rest += buffer.toString('latin1', 0, size)
  }
  const end = rest.indexOf('\n')
  const words = rest.slice(0, end).split(' ')
  rest = rest.slice(end + 1)
  return words
}

function take(data) {
  const frame = JSON.parse(data)
  if (timing) {
    const content = frame.message?.data?.content
    const at = content ? content.indexOf('ns=') : -1
    if (at >= 0) latencies.push(Number(process.hrtime.bigint() - BigInt(content.slice(at + 3, at + 22))))
  }
  if (++received === target) reached()
}

function open(user) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/cable`, { perMessageDeflate: false })
    const identifier = JSON.stringify({
      channel: 'RoomChannel',
      pubsub_token: `agent-${String(user).padStart(8, '0')}-0123456789abcdef`,
      account_id: 1000,
      user_id: user
    })
    socket.on('error', reject)
    socket.on('message', function first(data) {
      const type = JSON.parse(data).type
      if (type === 'welcome') socket.send(JSON.stringify({ command: 'subscribe', identifier }))
      if (type !== 'confirm_subscription') return
      socket.off('message', first)
      socket.on('message', take)
      resolve()
    })
  })
}

const told = (count) => {
  latencies.sort((a, b) => a - b)
  const at = (q) => latencies.length ? latencies[Math.floor(q * latencies.length)] / 1000 : null
  return { received: count - Math.max(0, target - received), p50_us: at(0.5), p99_us: at(0.99) }
}

try {
  let next = 0
  await Promise.all(Array.from({ length: 64 }, async () => { while (next < sockets) await open(next++) }))
  say({ connected: sockets })
} catch (error) {
  say({ error: error.message })
  process.exit(0)
}
for (;;) {
  const [word, ...args] = line()
  if (word === 'expect') {
    target = received + Number(args[0])
    timing = false
    const all = new Promise((resolve) => { reached = resolve })
    say('ready')
    line()
    await all
    say('done')
  } else if (word === 'pace') {
    target = received + Number(args[1])
    timing = true
    latencies = []
    const all = new Promise((resolve) => {
      reached = resolve
      setTimeout(resolve, Number(args[3]) * 1000)
    })
    say('ready')
    await all
    say(told(Number(args[1])))
    timing = false
  } else if (word === 'settle') {
    say({})
  } else {
    process.exit(0)
  }
}
