// Writes as JSON what a reader finds in workbooks: node read.mjs MODULES READER BOOK...
// A cell is its sheet, row, column (from 1) and value; a day is its number, counted as Excel does.

import { createRequire } from "node:module";

const [, , modules, reader, ...books] = process.argv;
const require = createRequire(`${modules}/`);
const DAY = 86_400_000;
const FIRST = Date.UTC(1899, 11, 30);

const readers = { exceljs: byExceljs, xlsx: bySheetjs };
const cells = [];
for (const book of books) cells.push(await readers[reader](book));
process.stdout.write(JSON.stringify(cells));

async function byExceljs(path) {
  const { Workbook } = require("exceljs");
  const book = new Workbook();
  await book.xlsx.readFile(path);
  return book.worksheets.map((sheet) => {
    const found = [];
    sheet.eachRow((row, number) =>
      row.eachCell((cell, column) => found.push([number, column, plain(cell.value)])),
    );
    return [sheet.name, found];
  });
}

function plain(value) {
  if (value instanceof Date) return (value.getTime() - FIRST) / DAY;
  if (value?.richText) return value.richText.map((part) => part.text).join("");
  return value?.hyperlink === undefined ? value : value.text;
}

function bySheetjs(path) {
  const { readFile, utils } = require("xlsx");
  const book = readFile(path);
  return book.SheetNames.map((name) => {
    const found = [];
    for (const [address, cell] of Object.entries(book.Sheets[name])) {
      if (address.startsWith("!") || cell.v === undefined) continue;
      const { r, c } = utils.decode_cell(address);
      found.push([r + 1, c + 1, cell.v]);
    }
    return [name, found];
  });
}
