import t from 'tap'
import { ApiError } from '@plimsoll/api/contract/client.ts'
import { faultOf, mayPass } from './fault.ts'

const problem = {
  type: 'about:blank',
  title: 'No such service',
  status: 404,
  code: 'PLIMSOLL_NO_SUCH_SERVICE',
  detail: 'There is no service "shop".',
  hint: 'There is "shop-api".',
  requestId: 'r-1'
}

t.test('problem details are passed on as they are', (t) => {
  const fault = faultOf(new ApiError(404, problem, ''))
  t.match(fault, {
    title: 'No such service',
    hint: 'There is "shop-api".',
    code: 'PLIMSOLL_NO_SUCH_SERVICE',
    requestId: 'r-1',
    status: 404
  })
  t.notOk(mayPass(fault))
  t.end()
})

t.test('a reply that is not from Plimsoll says so', (t) => {
  const fault = faultOf(new ApiError(502, null, '502 Bad Gateway'))
  t.equal(fault.title, 'The server answered 502 Bad Gateway')
  t.ok(mayPass(fault))
  t.end()
})

t.test('no answer, an unreadable answer and anything else are told apart', (t) => {
  t.equal(faultOf(new TypeError('Failed to fetch')).title, 'Plimsoll did not answer')
  t.equal(faultOf(new SyntaxError('Unexpected token <')).title, 'The answer could not be read')
  t.equal(faultOf(new Error('boom')).detail, 'boom')
  t.equal(faultOf('boom').detail, 'boom')
  t.ok(mayPass(faultOf(new TypeError('Failed to fetch'))))
  t.end()
})
