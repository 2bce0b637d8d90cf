/**
 * The process that sends the load, apart from everything else so that nothing else delays it.
 * It is told what to do and tells what happened over the channel its parent opened.
 */
import type { FromSender, Plan, SenderFacts, ToSender } from './plan.ts'
import { PacedSender } from './paced.ts'
import { SaturationSender } from './saturation.ts'

const tell = (message: FromSender): void => void process.send!(message)

interface Sender {
  run(): Promise<SenderFacts>
  stop(): void
}

const senderOf = (plan: Plan): Sender =>
  plan.kind === 'paced' ? new PacedSender(plan, tell) : new SaturationSender(plan, tell)

let sender: Sender | null = null

process.on('message', (message: ToSender) => {
  if (message.kind === 'stop') return sender?.stop()
  sender = senderOf(message.plan)
  sender
    .run()
    .then((facts) => tell({ kind: 'done', facts }))
    .catch((error: unknown) => {
      console.error(error) // for whoever started it: the result says only that the sender ended
      tell({ kind: 'crashed' })
    })
})

// Ctrl-C reaches the whole process group: the parent decides, and asks for a partial result
process.on('SIGINT', () => {})
// the parent has gone: nobody would read the result
process.on('disconnect', () => process.exit(0))

tell({ kind: 'ready' })
