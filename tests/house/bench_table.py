#!/usr/bin/env python3
"""What `./dev bench` says of its rows: which aim is met, which is missed, what was not run and why; and how a table is kept.

usage: bench_table.py BENCH"""
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.abspath(sys.argv.pop(1))


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(BENCH, name + '.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Table(unittest.TestCase):
    def rows(self, *rows, words=()):
        """The lines of the table of aims, split into cells, and the line that counts."""
        with tempfile.NamedTemporaryFile('w', suffix='.tsv') as f:
            f.writelines('\t'.join(str(cell) for cell in row) + '\n' for row in rows)
            f.flush()
            out = subprocess.run([sys.executable, os.path.join(BENCH, 'table.py'), *words, f.name], capture_output=True, text=True, check=True).stdout
        aims = out.partition('## Every figure')[0].splitlines()
        return [[cell.strip() for cell in line.strip('|').split('|')] for line in aims[2:] if line.startswith('|')], aims[-2]

    def test_met_and_missed(self):
        for ours, verdict, ratio in ((130, 'met', '1.30'), (131, '**missed**', '1.31')):
            cells, count = self.rows(('lookup.name_hit', 1000, 'module', ours, 'ns'), ('lookup.name_hit', 1000, 'floor', 100, 'ns'))
            self.assertEqual(cells, [['module, name hit', '1,000', '%d ns' % ours, '100', '', ratio, '<= 1.3 x', verdict]])
            self.assertTrue(count.startswith('1 met, 0 missed, 0 not run' if verdict == 'met' else '0 met, 1 missed, 0 not run'), count)

    def test_more_is_better(self):
        cells, _ = self.rows(('edit.1.rate', 1000, 'netinfod', 2000, '/s'), ('edit.1.rate', 1000, 'etcd', 1001, '/s'), ('edit.1.rate', 1000, 'slapd', 200, '/s'))
        self.assertEqual([row[-1] for row in cells], ['**missed**', 'met'])

    def test_the_last_of_equal_rows_counts(self):
        cells, _ = self.rows(('first', 1000, 'module', 500, 'us'), ('first', 1000, 'module', 50, 'us'))
        self.assertEqual([cells[0][2], cells[0][-1]], ['50 us', 'met'])

    def test_a_reason_stands_where_the_figure_would(self):
        cells, count = self.rows(('edit.1.rate', 1000000, 'netinfod', 2000, '/s'), ('edit.1.rate', 1000000, 'etcd', '-', 'no end after 300 s'),
                                 ('missing', 0, 'slapd', '-', 'not installed here'))
        said = {(row[0], row[1], row[4]): row[-1] for row in cells}
        self.assertEqual(said['durable edits, 1 writer', '1,000,000', 'etcd -'], 'not run: no end after 300 s')
        self.assertEqual(said['durable edits, 1 writer', '1,000,000', 'slapd -'], 'not run: not installed here')
        self.assertTrue(count.startswith('0 met, 0 missed'), count)

    def test_a_whole_run_leaves_no_aim_out(self):
        table = load('table')
        cells, count = self.rows(words=['--whole'])
        self.assertEqual(len(cells), sum(len(entry[6]) for entry in table.AIMS))
        self.assertTrue(all(row[-1].startswith('not run: ') for row in cells))
        self.assertTrue(count.startswith('0 met, 0 missed, %d not run' % len(cells)), count)
        self.assertEqual(self.rows()[0], [])


class Keep(unittest.TestCase):
    def test_only_what_is_between_the_marks(self):
        keep = load('keep')
        text = 'a\n<!-- aims: begin -->\nold\n<!-- aims: end -->\nb\n'
        self.assertEqual(keep.between(text, 'aims', '\nnew\n\n'), 'a\n<!-- aims: begin -->\nnew\n<!-- aims: end -->\nb\n')
        for broken in ('a\n', text + text, '<!-- aims: end -->\n<!-- aims: begin -->\n'):
            with self.assertRaises(SystemExit):
                keep.between(broken, 'aims', 'new')

    def test_results_have_the_marks(self):
        keep = load('keep')
        with open(os.path.join(BENCH, 'RESULTS.md'), encoding='utf-8') as f:
            text = f.read()
        for name in ('aims', 'figures'):
            self.assertIn('\nnew\n', keep.between(text, name, 'new'))


if __name__ == '__main__':
    unittest.main()
