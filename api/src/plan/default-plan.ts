/** What is in force while nobody has given a plan: Plimsoll watches itself, with the promise every service has. */
export const defaultPlanText = `# Nobody has given a plan yet: Plimsoll watches itself.
plan: plimsoll/v1
services:
  - name: plimsoll
    title: Plimsoll
    signals:
      - self
`
