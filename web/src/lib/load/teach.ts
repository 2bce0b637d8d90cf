/** What a reader copies to measure a first load line. Kept in step with the plan's schema and the command line's help. */

export const planLoad = (service: string): string => `services:
  - name: ${service}
    load:
      url: http://127.0.0.1:8080
      requests: [GET /api/items, GET /api/items/1]
      maxRate: 500
`

export const LINE = `npx plimsoll load line http://127.0.0.1:8080/api/items
`
