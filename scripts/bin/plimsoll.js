#!/usr/bin/env node
console.log('plimsoll')
