import { emptyCounts } from '../counts.ts'
import type { SliceDelta, Stream, TrafficClass } from '../slice.ts'
import { addRow, toRow, type CountsRow } from './slice-rows.ts'

/** Deltas in one entry of the journal: some 100 kB at most. */
const deltasPerBody = 200

type WireStream = readonly [string, string, TrafficClass, string, string, Stream['origin']]

/** A delta as instances send it to each other. */
interface WireDelta extends Omit<CountsRow, 'latency'> {
  readonly stream: WireStream
  readonly startMs: number
  readonly widthMs: SliceDelta['widthMs']
  /** Base64; null without events. */
  readonly latency: string | null
}

/** What was counted, as text for other instances. */
export const encodeDeltas = (deltas: readonly SliceDelta[]): string[] => {
  const bodies: string[] = []
  for (let at = 0; at < deltas.length; at += deltasPerBody) {
    bodies.push(JSON.stringify(deltas.slice(at, at + deltasPerBody).map(encode)))
  }
  return bodies
}

export const decodeDeltas = (body: string): SliceDelta[] => (JSON.parse(body) as WireDelta[]).map(decode)

const encode = ({ stream, startMs, widthMs, counts }: SliceDelta): WireDelta => {
  const { service, release, trafficClass, route, scope, origin } = stream
  const { latency, ...row } = toRow({ widthMs: 10_000, streamId: 0, startMs, writer: '' }, counts)
  const { width_ms: _width, stream_id: _stream, start_ms: _start, writer: _writer, ...sums } = row
  return {
    ...sums,
    stream: [service, release, trafficClass, route, scope, origin],
    startMs,
    widthMs,
    latency: latency && Buffer.from(latency).toString('base64')
  }
}

const decode = ({ stream, startMs, widthMs, latency, ...sums }: WireDelta): SliceDelta => {
  const [service, release, trafficClass, route, scope, origin] = stream
  const counts = emptyCounts()
  addRow(counts, { ...sums, latency: latency === null ? null : new Uint8Array(Buffer.from(latency, 'base64')) })
  return { stream: { service, release, trafficClass, route, scope, origin }, startMs, widthMs, counts }
}
